"""One command path for HTTP, Kafka, timers and people: lock the lead, decide the steps, record and announce them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from services.handoff import models, store
from services.handoff.domain.lifecycle import Illegal, Step, steps_to
from services.handoff.use_cases.facts import announce
from shared import events
from shared.consumer import Refused
from shared.database import Transaction
from shared.envelope import Received
from shared.telemetry import log

COMMANDS: dict[type[events.Event], str] = {
    events.OutcomeContacted: "contacted",
    events.OutcomeAppointmentSet: "sales_qualified",
    events.OutcomeProposed: "proposed",
    events.OutcomeWon: "won",
    events.OutcomeLost: "lost",
}
_EVENTS: dict[str, type[events.LeadStep]] = {
    "contacted": events.LeadContacted,
    "sales_qualified": events.LeadSalesQualified,
    "proposed": events.LeadProposed,
    "won": events.LeadWon,
    "lost": events.LeadLost,
    "recycled": events.LeadRecycled,
}


async def advance(unit: Transaction, lead: Any, command: str, details: Mapping[str, Any], now: datetime) -> None:
    """Take a locked lead to a step; what it implies is recorded and published first. Raises Illegal."""
    assignment = await store.assignments.active_assignment(unit, lead["id"])
    steps = steps_to(lead["state"], command)
    if not steps:
        return
    if assignment is None:
        raise Illegal(f"This lead is {lead['state']} and is not with a rep: it cannot become {command}.")
    outgoing = [_event(lead, assignment, step, details, now) for step in steps]
    ended = command in ("won", "lost", "recycled")
    state = "closed" if ended else "accepted" if command == "accepted" else "active"
    await store.assignments.set_assignment_state(unit, assignment["id"], state, str(details.get("reason") or ""))
    await store.leads.set_lead_state(unit, lead["id"], command, now)
    await announce(unit, outgoing, now)
    if command == "won":
        await _publish_jobs(unit, lead, now)


def _event(lead: Any, assignment: Any, step: Step, details: Mapping[str, Any], now: datetime) -> events.Event:
    if step.name == "accepted":
        return _ended(events.AssignmentAccepted, assignment, "", now, implied=step.implied)
    common = {"lead_id": lead["id"], "person_id": lead["person_id"], "rep_id": assignment["rep_id"], "at": now}
    own = {} if step.implied else dict(details)
    if step.name == "won":
        own |= {name: lead["snapshot"][name] for name in ("contact", "consents", "attribution")}
        own["referred_by"] = lead["snapshot"].get("referred_by")
    return _EVENTS[step.name].model_validate({**common, **own, "implied": step.implied})


def _ended(kind: type[events.AssignmentEnded], row: Any, reason: str, now: datetime, *, implied: bool = False) -> events.Event:
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
    await announce(unit, [_ended(kind, assignment, reason, now)], now)


# ---- what a CRM reports ------------------------------------------------------------------------------------------------
async def apply_outcomes(unit: Transaction, received: list[Received], now: datetime) -> None:
    for one in received:
        await _apply(unit, one.event, now)


async def apply_early_events(unit: Transaction, row: Any, now: datetime) -> None:
    """The lead has arrived: what was reported of it takes effect. A contradiction is dropped, and said."""
    event = events.BY_TYPE[row["type"]].model_validate({**row["data"], "lead_id": row["lead_id"]})
    try:
        await _apply(unit, event, now)
    except Refused as error:
        log().warning("early outcome refused", lead_id=str(row["lead_id"]), type=row["type"], error=str(error))


async def _apply(unit: Transaction, event: Any, now: datetime) -> None:
    lead = await store.leads.lock_lead(unit, event.lead_id)
    if lead is None:
        data = event.model_dump(mode="json", exclude={"lead_id"})
        row = {"id": uuid7(), "lead_id": event.lead_id, "type": event.TYPE, "data": data, "received_at": now}
        await unit.insert(models.EarlyEvent, [row])
    elif isinstance(event, events.JobCompleted):
        await complete_job(unit, lead, event, now)
    elif isinstance(event, events.JobEvent):
        await announce(unit, [event.model_copy(update={"lead_id": lead["id"], "person_id": lead["person_id"]})], now)
    else:
        try:
            await advance(unit, lead, COMMANDS[type(event)], event.model_dump(exclude={"lead_id"}), now)
        except Illegal as error:
            raise Refused(str(error)) from error


async def complete_job(unit: Transaction, lead: Any, event: events.JobCompleted, now: datetime) -> None:
    """Keep the job once; publish it now if the lead is won, else at won."""
    if event.completed_on > (now + timedelta(hours=14 + 24)).date():
        raise Refused(f"completed_on {event.completed_on} is in the future.")
    row = {
        "lead_id": lead["id"],
        "job_id": event.job_id,
        "trade": event.trade,
        "completed_on": event.completed_on,
        "published": False,
    }
    await unit.insert(models.Job, [row], "ON CONFLICT DO NOTHING")
    if lead["state"] == "won":
        await _publish_jobs(unit, lead, now)


async def _publish_jobs(unit: Transaction, lead: Any, now: datetime) -> None:
    jobs = await store.leads.unpublished_jobs(unit, lead["id"])
    await announce(
        unit,
        [events.JobCompleted(lead_id=lead["id"], person_id=lead["person_id"], arrived_at=now, **job) for job in jobs],
        now,
    )


async def merge_leads(unit: Transaction, received: list[Received], now: datetime) -> None:
    """The loser's active assignment is withdrawn; outcomes for it apply to the survivor from now on."""
    for one in received:
        event = one.event
        assert isinstance(event, events.LeadMerged)  # noqa: S101
        lead = await store.leads.lock_this_lead(unit, event.lead_id)
        if lead is None:
            row = {
                "id": event.lead_id,
                "person_id": event.person_id,
                "state": "merged",
                "tier": "",
                "attempt": 0,
                "merged_into": event.into,
                "snapshot": {},
                "qualified_at": now,
                "updated_at": now,
            }
            await unit.insert(models.Lead, [row], "ON CONFLICT DO NOTHING")
            continue
        if (assignment := await store.assignments.active_assignment(unit, lead["id"])) is not None:
            await end_assignment(unit, assignment, events.AssignmentWithdrawn, "withdrawn", "merged", now)
        await store.leads.merge_lead(unit, lead["id"], event.into)


async def erase_person(unit: Transaction, received: list[Received], now: datetime) -> None:
    """Nothing personal stays; the row remains, so that a late event revives nothing."""
    for one in received:
        lead_id: UUID = one.event.lead_id  # type: ignore[attr-defined]
        if (assignment := await store.assignments.active_assignment(unit, lead_id)) is not None:
            await end_assignment(unit, assignment, events.AssignmentWithdrawn, "withdrawn", "erased", now)
        row = {
            "id": lead_id,
            "person_id": one.event.person_id,  # type: ignore[attr-defined]
            "state": "erased",
            "tier": "",
            "attempt": 0,
            "snapshot": {},
            "qualified_at": now,
            "updated_at": now,
        }
        await unit.insert(models.Lead, [row], "ON CONFLICT (id) DO UPDATE SET state = 'erased', snapshot = '{}'")
