"""One command path for HTTP, Kafka, timers and people: of a locked lead, decide the steps, record and announce them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.handoff import store
from services.handoff.domain.lifecycle import ENDS, Illegal, Step, is_same_report, steps_to
from services.handoff.use_cases.facts import announce
from services.handoff.use_cases.jobs import publish_jobs
from services.handoff.use_cases.refunds import refund_if_due
from shared import events
from shared.database import Transaction

_EVENTS: dict[str, type[events.LeadStep]] = {
    "contacted": events.LeadContacted,
    "sales_qualified": events.LeadSalesQualified,
    "proposed": events.LeadProposed,
    "won": events.LeadWon,
    "lost": events.LeadLost,
    "recycled": events.LeadRecycled,
}
PROPOSAL = ("options", "amount", "currency")


async def advance(unit: Transaction, lead: Any, command: str, details: Mapping[str, Any], now: datetime) -> None:
    """Take a locked lead to a step; what it implies is recorded and published first. Raises Illegal."""
    steps = steps_to(lead["state"], command)
    if not steps:
        return await _repeat(unit, lead, command, details, now)
    assignment = await store.assignments.active_assignment(unit, lead["id"])
    if assignment is None:
        raise Illegal(f"This lead is {lead['state']} and is not with a rep: it cannot become {command}.")
    outgoing = [_event(lead, assignment, step, details, now) for step in steps]
    ended = command in ("won", *ENDS)
    state = "closed" if ended else "accepted" if command == "accepted" else "active"
    await store.assignments.set_assignment_state(unit, assignment["id"], state, str(details.get("reason") or ""))
    await store.leads.set_lead_state(unit, lead["id"], command, now)
    await announce(unit, outgoing, now)
    if command in ENDS:
        await refund_if_due(unit, assignment, str(details.get("reason") or ""), now)
    if command == "won":
        await publish_jobs(unit, lead, now)


async def _repeat(unit: Transaction, lead: Any, command: str, details: Mapping[str, Any], now: datetime) -> None:
    """Saying the same again is harmless. Another amount is not the same: it would be lost without a word."""
    if command == "proposed" and lead["state"] == "proposed":
        await _propose_again(unit, lead, details, now)
    if command == "won" and lead["state"] == "won":
        first = await store.facts.last(unit, lead["id"], "lead.won")
        if first is not None and not is_same_report(first, details):
            raise Illegal("This lead is already won, with another amount: the first one stands.")


async def _propose_again(unit: Transaction, lead: Any, details: Mapping[str, Any], now: datetime) -> None:
    """Clients haggle: what changed is told, beside what was said before and not again."""
    assignment = await store.assignments.active_assignment(unit, lead["id"])
    told = await store.facts.last(unit, lead["id"], "lead.proposed")
    if assignment is None or told is None:
        return
    before = {name: told.get(name) for name in PROPOSAL}
    given = {name: value for name, value in details.items() if value is not None}
    old, new = (_event(lead, assignment, Step("proposed", False), said, now) for said in (before, before | given))
    if new != old:
        await announce(unit, [new], now)


def _event(lead: Any, assignment: Any, step: Step, details: Mapping[str, Any], now: datetime) -> events.Event:
    if step.name == "accepted":
        return ended_event(events.AssignmentAccepted, assignment, "", now, implied=step.implied)
    common = {"lead_id": lead["id"], "person_id": lead["person_id"], "rep_id": assignment["rep_id"], "at": now}
    own = {} if step.implied else dict(details)
    if step.name == "won":
        own |= {name: lead["snapshot"][name] for name in ("contact", "consents", "attribution")}
        own["referred_by"] = lead["snapshot"].get("referred_by")
    return _EVENTS[step.name].model_validate({**common, **own, "implied": step.implied})


def ended_event(
    kind: type[events.AssignmentEnded], row: Any, reason: str, now: datetime, *, implied: bool = False
) -> events.Event:
    return kind(
        lead_id=row["lead_id"],
        assignment_id=row["id"],
        rep_id=row["rep_id"],
        attempt=row["attempt"],
        reason=reason,
        at=now,
        implied=implied,
    )


async def end_assignment(
    unit: Transaction, assignment: Any, kind: type[events.AssignmentEnded], state: str, reason: str, now: datetime
) -> None:
    """Declined, expired or withdrawn: the lead is nobody's until it is routed again."""
    await store.assignments.set_assignment_state(unit, assignment["id"], state, reason)
    await announce(unit, [ended_event(kind, assignment, reason, now)], now)
    if state == "withdrawn":
        await refund_if_due(unit, assignment, reason, now)
