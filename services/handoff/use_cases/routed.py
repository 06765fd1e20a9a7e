"""What a decision leaves behind: the offer or the hold, the clock that watches it, and the events."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from uuid_utils.compat import uuid7

from services.handoff import models, store
from services.handoff.domain.clocks import first_look, hold_ends_at, look_again_at, promise
from services.handoff.domain.policy import Policy
from services.handoff.domain.routing import Outcome
from services.handoff.use_cases.facts import announce
from services.handoff.use_cases.seal import sealed
from shared import events
from shared.database import Transaction


@dataclass(slots=True)
class Writing:
    """The rows and events of a batch."""

    policy: Policy
    now: datetime
    states: list[dict[str, Any]] = field(default_factory=list)
    assignments: list[dict[str, Any]] = field(default_factory=list)
    timers: list[dict[str, Any]] = field(default_factory=list)
    outgoing: list[events.Event] = field(default_factory=list)


def snapshot_hash(snapshot: Mapping[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(snapshot, option=orjson.OPT_SORT_KEYS)).hexdigest()


async def save(unit: Transaction, policy: Policy, decided: Sequence[tuple[Any, Outcome]], now: datetime) -> None:
    writing = Writing(policy, now)
    for lead, outcome in decided:
        if outcome.pick is None:
            _hold(writing, lead, outcome)
        else:
            _offer(writing, lead, outcome)
    await store.leads.save_routed(unit, writing.states, now)
    await unit.insert(models.Assignment, writing.assignments, apart="decision")
    await unit.insert(models.Timer, writing.timers)
    await announce(unit, writing.outgoing, now)


async def hold_back(unit: Transaction, leads: Sequence[Any], reason: str, now: datetime) -> None:
    """Leads that nobody may be given. Somebody is told, for no clock will move them."""
    if not leads:
        return
    await store.leads.save_routed(unit, [_state(lead, "held", held_since=now) for lead in leads], now)
    outgoing: list[events.Event] = []
    for lead in leads:
        named = {"lead_id": lead["id"], "person_id": lead["person_id"], "at": now, "reason": reason}
        outgoing += [events.LeadHeld(**named), events.LeadEscalated(**named)]
    await announce(unit, outgoing, now)


def _offer(writing: Writing, lead: Any, outcome: Outcome) -> None:
    made = promise(writing.policy, outcome.pool, lead["tier"], writing.now)
    row = {
        "id": uuid7(),
        "lead_id": lead["id"],
        "rep_id": outcome.pick,
        "attempt": lead["attempt"] + 1,
        "state": "offered",
        "offered_at": writing.now,
        "expires_at": made.expires_at,
        "touch_by": made.touch_by,
        "pool": outcome.pool if outcome.charges else "",
        "decision": sealed(outcome.record),
    }
    writing.assignments.append(row)
    writing.states.append(_state(lead, "offered", owner_id=outcome.pick, attempt=row["attempt"]))
    look = first_look(writing.policy, made)
    writing.timers.append(timer(look.due_at, look.sla, row["lead_id"], row["id"], look.percent))
    if outcome.kind == "manager":
        writing.outgoing.append(escalation(lead, outcome.record["sentence"], writing.now, rep_id=outcome.pick))
    writing.outgoing.append(_offered(row, lead["tier"]))


def timer(due_at: datetime, kind: str, lead_id: Any, assignment_id: Any = None, percent: int = 100) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "due_at": due_at,
        "kind": kind,
        "percent": percent,
        "lead_id": lead_id,
        "assignment_id": assignment_id,
    }


def _hold(writing: Writing, lead: Any, outcome: Outcome) -> None:
    now, is_new = writing.now, lead["state"] != "held" or not lead["held_in"]
    since = now if is_new else lead["held_since"]
    writing.states.append(_state(lead, "held", held_since=since, held_in=outcome.pool))
    writing.timers.append(timer(look_again_at(outcome.until, since, now), "held", lead["id"]))
    if not is_new:
        return
    deadline = hold_ends_at(writing.policy, outcome.pool, lead["tier"], since)
    writing.timers.append(timer(deadline, "hold", lead["id"]))
    reason = outcome.record["sentence"]
    held = events.LeadHeld(lead_id=lead["id"], person_id=lead["person_id"], at=now, reason=reason, until=outcome.until)
    writing.outgoing.append(held)
    if outcome.record["lead"]["tries"] >= writing.policy.max_attempts:
        writing.outgoing.append(escalation(lead, reason, now))


def escalation(lead: Any, reason: str, now: datetime, *, rep_id: Any = None) -> events.LeadEscalated:
    return events.LeadEscalated(lead_id=lead["id"], person_id=lead["person_id"], rep_id=rep_id, at=now, reason=reason)


def _state(lead: Any, state: str, **more: Any) -> dict[str, Any]:
    common = {"id": str(lead["id"]), "state": state, "attempt": lead["attempt"]}
    return common | {name: value.isoformat() if isinstance(value, datetime) else value for name, value in more.items()}


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
