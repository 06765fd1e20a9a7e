"""What people decide by hand: by the same path, with the same record as every decision. Nobody's credit pays for it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from services.handoff import store
from services.handoff.domain.lifecycle import RANK, Illegal
from services.handoff.domain.policy import Policy
from services.handoff.domain.routing import Outcome, pools_of
from services.handoff.domain.rules import facets_of
from services.handoff.use_cases.advance import advance, end_assignment
from services.handoff.use_cases.policy import current_policy
from services.handoff.use_cases.route import lock_for_routing, route
from services.handoff.use_cases.routed import save
from services.handoff.use_cases.seal import sealed
from shared import events
from shared.database import Transaction

COSTS_NOTHING = "it costs nobody a turn."
OPEN = ("qualified", "held", *(state for state in RANK if state != "won"))


async def reassign(unit: Transaction, lead_id: UUID, rep_id: UUID, reason: str, now: datetime) -> Any:
    """Offer a lead to a rep of somebody's choice; to the one who has it: nothing changes. Raises Illegal.

    Returns the assignment, None where there is no such lead.
    """
    lead = await _lock_open(unit, lead_id)
    if lead is None:
        return None
    active = await store.assignments.active_assignment(unit, lead_id)
    if active is not None and active["rep_id"] == rep_id:
        return active
    rep = await store.people.keep(unit, rep_id)
    if rep is None or rep["state"] == "left":
        raise Illegal("There is no such rep, or they have left.")
    if active is not None:
        await end_assignment(unit, active, events.AssignmentWithdrawn, "withdrawn", reason or "reassigned", now)
    policy = await current_policy(unit)
    await save(unit, policy, [(lead, _by_hand(policy, lead, rep, reason, now))], now)
    return await store.assignments.active_assignment(unit, lead_id)


async def claim(unit: Transaction, lead_id: UUID, rep_id: UUID, now: datetime) -> Any:
    """A rep takes a lead that is nobody's, or accepts the offer that is theirs. Raises Illegal."""
    lead = await _lock_open(unit, lead_id)
    if lead is None:
        return None
    active = await store.assignments.active_assignment(unit, lead_id)
    if active is not None and active["rep_id"] != rep_id:
        raise Illegal("This lead is with another rep.")
    await reassign(unit, lead_id, rep_id, "claimed", now)
    await advance(unit, await store.leads.lock_this_lead(unit, lead_id), "accepted", {}, now)
    return await store.assignments.active_assignment(unit, lead_id)


async def withdraw(unit: Transaction, lead_id: UUID, reason: str, now: datetime) -> Any:
    """Take a lead back and let the rules choose again. Raises Illegal where it is nobody's."""
    await lock_for_routing(unit, [lead_id], now)
    lead = await _lock_open(unit, lead_id)
    if lead is None:
        return None
    active = await store.assignments.active_assignment(unit, lead_id)
    if active is None:
        raise Illegal(f"This lead is {lead['state']} and is not with a rep.")
    await end_assignment(unit, active, events.AssignmentWithdrawn, "withdrawn", reason or "taken back", now)
    await route(unit, [lead], now)
    return await store.assignments.assignment(unit, active["id"])


async def _lock_open(unit: Transaction, lead_id: UUID) -> Any:
    lead = await store.leads.lock_this_lead(unit, lead_id)
    if lead is not None and lead["state"] not in OPEN:
        raise Illegal(f"This lead is {lead['state']}: nobody can be given it.")
    return lead


def _by_hand(policy: Policy, lead: Any, rep: Any, reason: str, now: datetime) -> Outcome:
    pool = pools_of(policy, facets_of(policy, lead["snapshot"], lead["tier"]), "")[0]
    record = {
        "agreement": policy.hash,
        "at": now.isoformat(),
        "kind": "manual",
        "rule": "by hand",
        "pool": pool,
        "pick": str(rep["id"]),
        "sentence": f"{rep['name']} was chosen by hand{f' ({reason})' if reason else ''}; {COSTS_NOTHING}",
    }
    return Outcome(str(rep["id"]), pool, "manual", record)


async def forget_words(unit: Transaction, lead_id: UUID) -> None:
    """What people typed about a client goes, also where a decision quotes it: that is sealed again and stays verifiable."""
    for row in await store.assignments.assignments_of(unit, lead_id):
        if row["decision"].get("kind") == "manual":
            record = {name: value for name, value in row["decision"].items() if name != "hash"}
            record["sentence"] = f"The rep was chosen by hand; {COSTS_NOTHING}"
            await store.assignments.replace_decision(unit, row["id"], sealed(record))
    await store.assignments.forget_reasons(unit, lead_id)
