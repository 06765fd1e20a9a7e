"""Time ran out, or is about to: warnings, expired offers, clients nobody called, leads that were held too long."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.handoff import models, store
from services.handoff.domain.clocks import ACCEPTANCE, NOT_REACHED, Look, Promise, hold_ends_at, next_look
from services.handoff.domain.policy import Policy
from services.handoff.use_cases.advance import ended_event
from services.handoff.use_cases.facts import announce
from services.handoff.use_cases.policy import current_policy
from services.handoff.use_cases.route import carry_out, lock_for_routing, plan_routes, waves
from services.handoff.use_cases.routed import escalation, timer
from shared import events
from shared.database import Transaction

HELD = ("held", "hold")
WATCHED = {"acceptance": ("offered",), "first_touch": ("offered", "accepted")}
ENDED = {
    "acceptance": (events.AssignmentExpired, "expired", "not accepted in time"),
    "first_touch": (events.AssignmentWithdrawn, "withdrawn", NOT_REACHED),
}


@dataclass(frozen=True, slots=True)
class Due:
    """A look at a promise that still stands."""

    look: Look
    lead: Any
    assignment: Any


async def handle_due_timers(unit: Transaction, now: datetime) -> int:
    """Look at what is due again, each against the lead as it is now. Returns how many."""
    timers = await store.timers.claim_timers(unit, now)
    if not timers:
        return 0
    lead_ids = list({row["lead_id"] for row in timers})
    if any(row["percent"] == 100 for row in timers):
        await lock_for_routing(unit, lead_ids, now)
    leads = {row["id"]: row for row in await store.leads.lock_leads(unit, lead_ids)}
    await _look_at_held(unit, timers, leads, now)
    await _look_at_promises(unit, [row for row in timers if row["kind"] not in HELD], leads, now)
    return len(timers)


async def _look_at_held(unit: Transaction, timers: Sequence[Any], leads: dict[UUID, Any], now: datetime) -> None:
    held = {key: lead for key, lead in leads.items() if lead["state"] == "held" and lead["held_in"]}
    late = {row["lead_id"] for row in timers if row["kind"] == "hold"} & held.keys()
    late -= await _hold_on(unit, [held[key] for key in late], now)
    again = {row["lead_id"] for row in timers if row["kind"] == "held"} & held.keys()
    oldest_first = sorted((held[key] for key in late | again), key=lambda lead: (lead["qualified_at"], lead["id"]))
    for wave in waves(oldest_first):
        plan = await plan_routes(unit, wave, now, only_offers=late - again)
        overdue = [lead for lead in wave if lead["id"] in late and plan.kind_of(lead["id"]) != "manager"]  # that one says so
        await announce(unit, [_held_too_long(lead, now) for lead in overdue], now)
        await carry_out(unit, plan, now)


async def _hold_on(unit: Transaction, leads: Sequence[Any], now: datetime) -> set[UUID]:
    """Those whose hold is not over: it began anew since that clock was set, or may last longer now. They get another."""
    if not leads:
        return set()
    policy = await current_policy(unit)
    ends = {lead["id"]: hold_ends_at(policy, lead["held_in"], lead["tier"], lead["held_since"]) for lead in leads}
    early = {key: end for key, end in ends.items() if end > now}
    await unit.insert(models.Timer, [timer(end, "hold", key) for key, end in sorted(early.items())])
    return set(early)


def _held_too_long(lead: Any, now: datetime) -> events.LeadEscalated:
    waited = int((now - lead["held_since"]).total_seconds() / 60)
    return escalation(lead, f"Nobody could take this lead for {waited} minutes.", now)


async def _look_at_promises(unit: Transaction, timers: Sequence[Any], leads: dict[UUID, Any], now: datetime) -> None:
    policy = await current_policy(unit)
    active = await store.assignments.active_of(unit, [row["lead_id"] for row in timers])
    following: list[dict[str, Any]] = []
    breached: list[Due] = []
    at_risk: list[events.Event] = []
    for row in timers:
        lead, assignment = leads.get(row["lead_id"]), active.get(row["lead_id"])
        if lead is None or assignment is None or assignment["id"] != row["assignment_id"]:
            continue
        due = Due(Look(row["due_at"], row["kind"], row["percent"]), lead, assignment)
        if lead["state"] in WATCHED[due.look.sla]:
            if due.look.percent == 100:
                breached.append(due)
            else:
                at_risk.append(_sla_event(events.SlaAtRisk, due, now))
        following += _next_timer(policy, due, now)
    await announce(unit, at_risk, now)
    gone = await _breach(unit, breached, now)
    await unit.insert(models.Timer, [row for row in following if row["assignment_id"] not in gone])


def _next_timer(policy: Policy, due: Due, now: datetime) -> list[dict[str, Any]]:
    """The promises of an offer are watched one look after the other, until the client was reached."""
    row, lead = due.assignment, due.lead
    if lead["state"] not in WATCHED["first_touch"]:
        return []
    pool = row["decision"].get("pool", "")
    made = Promise(pool, lead["tier"], row["offered_at"], row["expires_at"], row["touch_by"] or row["expires_at"])
    look = next_look(policy, made, due.look, now)
    return [timer(look.due_at, look.sla, lead["id"], row["id"], look.percent)] if look else []


async def _breach(unit: Transaction, breached: Sequence[Due], now: datetime) -> set[UUID]:
    """Turn to somebody else; where there is nobody, the lead stays with its rep. Returns the assignments that ended."""
    due = {one.lead["id"]: one for one in breached}
    gone: set[UUID] = set()
    for wave in waves(one.lead for one in breached):
        gone |= await _turn_away(unit, [due[lead["id"]] for lead in wave], now)
    return gone


async def _turn_away(unit: Transaction, breached: Sequence[Due], now: datetime) -> set[UUID]:
    ids = [due.lead["id"] for due in breached]
    plan = await plan_routes(unit, [due.lead for due in breached], now, only_offers=ids)
    outgoing: list[events.Event] = []
    ended: list[tuple[UUID, str, str]] = []
    for due in breached:
        outgoing.append(_sla_event(events.SlaBreached, due, now))
        if plan.kind_of(due.lead["id"]) is None:
            outgoing.append(_stays(due, now))
        else:
            kind, state, reason = ENDED[due.look.sla]
            outgoing.append(ended_event(kind, due.assignment, reason, now))
            ended.append((due.assignment["id"], state, reason))
    await store.assignments.set_states(unit, ended)
    await announce(unit, outgoing, now)
    await carry_out(unit, plan, now)
    return {row[0] for row in ended}


def _stays(due: Due, now: datetime) -> events.LeadEscalated:
    what = "The offer was not accepted" if due.look.sla == ACCEPTANCE else "The client was not reached"
    reason = f"{what} in time, and there is nobody else to turn to: it stays with its rep."
    return escalation(due.lead, reason, now, rep_id=due.assignment["rep_id"])


def _sla_event(kind: type[events.SlaEvent], due: Due, now: datetime) -> events.SlaEvent:
    row = due.assignment
    ends = row["expires_at"] if due.look.sla == ACCEPTANCE else row["touch_by"]
    names = {"lead_id": row["lead_id"], "assignment_id": row["id"], "rep_id": row["rep_id"], "attempt": row["attempt"]}
    return kind(**names, sla=due.look.sla, due_at=ends, at=now)
