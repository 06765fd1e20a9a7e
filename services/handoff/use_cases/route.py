"""Routing: a batch of leads under the lock of their pool, decided by a pure function, written in a few statements."""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from services.handoff import models, store
from services.handoff.domain.routing import Candidate, Match, Outcome, decide, match_rule
from services.handoff.use_cases.facts import announce
from services.handoff.use_cases.outcomes import apply_early_events
from shared import events
from shared.agreement import Agreement, parse
from shared.database import Transaction
from shared.envelope import Received

LOOK_AGAIN_AFTER = timedelta(seconds=15)
parse_agreement = lru_cache(maxsize=4)(parse)


async def receive_leads(unit: Transaction, received: list[Received], now: datetime) -> None:
    """Keep qualified leads, route them, and apply what a CRM reported before we knew them."""
    qualified = [one.event for one in received if isinstance(one.event, events.LeadQualified)]
    new = await store.leads.insert_leads(unit, [_lead_row(event, now) for event in qualified])
    leads = [_lead_row(event, now) for event in qualified if event.lead_id in new and not event.test]
    await route(unit, leads, now)
    await apply_early_events(unit, [lead["id"] for lead in leads], now)


def _lead_row(event: events.LeadQualified, now: datetime) -> dict[str, Any]:
    return {
        "id": event.lead_id,
        "person_id": event.person_id,
        "state": "test" if event.test else "qualified",
        "tier": event.tier,
        "test": event.test,
        "attempt": 0,
        "snapshot": event.model_dump(mode="json", exclude={"lead_id", "person_id"}),
        "qualified_at": now,
        "updated_at": now,
    }


async def route(unit: Transaction, leads: list[Any], now: datetime, *, only_if_somebody: bool = False) -> bool:
    """Offer each lead to a rep, or hold it. Pools are taken in order of their names, so replicas cannot deadlock.

    `only_if_somebody`: change nothing when nobody is eligible. Returns whether every lead was offered.
    """
    if not leads:
        return True
    version = await store.agreements.current_agreement(unit)
    agreement = parse_agreement(version["text"])
    by_pool: dict[str, list[tuple[Any, Match]]] = {}
    for lead in leads:
        match = match_rule(agreement.rules, agreement.territories, _facets(lead))
        by_pool.setdefault(match.pool, []).append((lead, match))
    all_offered = True
    for pool, members in sorted(by_pool.items(), key=lambda item: item[0]):
        all_offered &= await _route_pool(unit, pool, members, agreement, version["hash"], now, only_if_somebody)
    return all_offered


def _facets(lead: Any) -> dict[str, Any]:
    snapshot = lead["snapshot"]
    return {
        "postal_code": snapshot["contact"].get("postal_code"),
        "selection": snapshot.get("selection"),
        "tier": lead["tier"],
    }


async def _route_pool(
    unit: Transaction,
    pool: str,
    members: list[tuple[Any, Match]],
    agreement: Agreement,
    agreement_hash: str,
    now: datetime,
    only_if_somebody: bool,
) -> bool:
    turn = await store.pools.lock_pool(unit, pool)
    candidates: tuple[Candidate, ...] = tuple(await store.pools.candidates(unit, pool, everyone=agreement.pools[pool].everyone))
    decided: list[tuple[Any, Outcome]] = []
    for lead, match in members:
        tried = await store.assignments.tried_reps(unit, lead["id"]) if lead["attempt"] else frozenset()
        outcome = decide(candidates, match=match, agreement=agreement_hash, turn=turn + 1, tried=tried)
        if outcome.pick is not None:
            turn, candidates = turn + 1, outcome.candidates
        elif only_if_somebody:
            return False
        decided.append((lead, outcome))
    await store.pools.save_credits(unit, pool, turn, candidates)
    await _save(unit, decided, agreement, now)
    return all(outcome.pick is not None for _, outcome in decided)


async def _save(unit: Transaction, decided: list[tuple[Any, Outcome]], agreement: Agreement, now: datetime) -> None:
    states: list[tuple[UUID, str, UUID | None, int]] = []
    assignments: list[dict[str, Any]] = []
    timers: list[dict[str, Any]] = []
    outgoing: list[events.Event] = []
    for lead, outcome in decided:
        if outcome.pick is None:
            states.append((lead["id"], "held", None, lead["attempt"]))
            until = now + LOOK_AGAIN_AFTER
            timers.append({"id": uuid7(), "due_at": until, "kind": "held", "lead_id": lead["id"], "assignment_id": None})
            if lead["state"] != "held":
                outgoing.append(_held(lead, outcome, now))
            continue
        row = _assignment(lead, outcome, agreement, now)
        states.append((lead["id"], "offered", outcome.pick, row["attempt"]))
        assignments.append(row)
        timers.append(
            {
                "id": uuid7(),
                "due_at": row["expires_at"],
                "kind": "acceptance",
                "lead_id": lead["id"],
                "assignment_id": row["id"],
            }
        )
        outgoing.append(_offered(row, lead["tier"]))
    await store.leads.set_lead_states(unit, states, now)
    await unit.insert(models.Assignment, assignments)
    await unit.insert(models.Timer, timers)
    await announce(unit, outgoing, now)


def _assignment(lead: Any, outcome: Outcome, agreement: Agreement, now: datetime) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "lead_id": lead["id"],
        "rep_id": outcome.pick,
        "attempt": lead["attempt"] + 1,
        "state": "offered",
        "offered_at": now,
        "expires_at": now + agreement.tiers[lead["tier"]].accept_within,
        "decision": outcome.record,
    }


def _offered(row: dict[str, Any], tier: str) -> events.AssignmentOffered:
    return events.AssignmentOffered(
        lead_id=row["lead_id"],
        assignment_id=row["id"],
        rep_id=row["rep_id"],
        attempt=row["attempt"],
        tier=tier,
        offered_at=row["offered_at"],
        expires_at=row["expires_at"],
        decision=events.Decision(**row["decision"]),
    )


def _held(lead: Any, outcome: Outcome, now: datetime) -> events.LeadHeld:
    return events.LeadHeld(lead_id=lead["id"], person_id=lead["person_id"], at=now, reason=outcome.record["sentence"], until=None)
