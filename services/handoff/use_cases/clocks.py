"""Time ran out: an offer nobody took goes to the next rep, or stays with its rep, breached and escalated."""

from datetime import datetime
from typing import Any

from services.handoff import store
from services.handoff.use_cases.advance import end_assignment
from services.handoff.use_cases.facts import announce
from services.handoff.use_cases.route import parse_agreement, route
from shared import events
from shared.database import Transaction


async def handle_due_timers(unit: Transaction, now: datetime) -> int:
    """Look at what is due again, each against the lead as it is now. Returns how many."""
    timers = await store.timers.claim_timers(unit, now)
    for timer in timers:
        lead = await store.leads.lock_lead(unit, timer["lead_id"])
        if lead is None:
            continue
        if timer["kind"] == "held" and lead["state"] == "held":
            await route(unit, [lead], now)
        elif timer["kind"] == "acceptance" and lead["state"] == "offered":
            assignment = await store.assignments.active_assignment(unit, lead["id"])
            if assignment is not None and assignment["id"] == timer["assignment_id"]:
                await _expire(unit, lead, assignment, now)
    return len(timers)


async def _expire(unit: Transaction, lead: Any, assignment: Any, now: datetime) -> None:
    names = {name: assignment[name] for name in ("lead_id", "rep_id", "attempt", "expires_at")}
    breached = events.SlaBreached(
        lead_id=names["lead_id"],
        assignment_id=assignment["id"],
        rep_id=names["rep_id"],
        attempt=names["attempt"],
        sla="acceptance",
        due_at=names["expires_at"],
        at=now,
    )
    await announce(unit, [breached], now)
    agreement = parse_agreement((await store.agreements.current_agreement(unit))["text"])
    if lead["attempt"] < agreement.max_attempts and await _has_somebody_else(unit, lead):
        await end_assignment(unit, assignment, events.AssignmentExpired, "expired", "not accepted in time", now)
        await route(unit, [lead], now)
        return
    escalated = events.LeadEscalated(
        lead_id=lead["id"],
        person_id=lead["person_id"],
        rep_id=assignment["rep_id"],
        at=now,
        reason="The offer was not accepted in time, and there is nobody else to turn to: it stays with its rep.",
    )
    await announce(unit, [escalated], now)


async def _has_somebody_else(unit: Transaction, lead: Any) -> bool:
    tried = await store.assignments.tried_reps(unit, lead["id"])
    return await store.people.has_rep_not_tried(unit, tried)
