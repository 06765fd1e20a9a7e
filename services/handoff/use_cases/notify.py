"""Which happenings reps and managers are told of by mail. The mail is written when it is sent, from what is true then."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from services.handoff import store
from services.handoff.domain.brief import completed, given_besides
from shared import events
from shared.database import Transaction
from shared.envelope import Received

OWNER_HEARS = {events.LeadTouched: "touched", events.RecoveryNeeded: "recovery", events.ReplyReceived: "reply"}


def mails_for(outgoing: Sequence[events.Event], now: datetime) -> list[dict[str, Any]]:
    """An offer and a clock that runs out are the rep's; an escalation is the managers'."""
    jobs = []
    for event in outgoing:
        if isinstance(event, events.AssignmentOffered):
            jobs.append(_job("offer", event, now))
        elif isinstance(event, events.SlaAtRisk):
            jobs.append(_job("warning", event, now, sla=event.sla, due_at=event.due_at.isoformat()))
        elif isinstance(event, events.LeadEscalated):
            jobs.append({**_job("escalated", event, now, reason=event.reason), "rep_id": None})
    return jobs


async def notify_owner(unit: Transaction, received: list[Received], now: datetime) -> None:
    """Something happened with a client that the rep who owns the lead should hear of today."""
    by_lead = {one.event.lead_id: one for one in received if isinstance(one.event, tuple(OWNER_HEARS))}  # type: ignore[attr-defined]
    jobs, owners = [], await store.mails.owners(unit, list(by_lead))
    await _keep_what_they_gave(unit, received, {owner["lead_id"]: owner["now_id"] for owner in owners})
    for owner in owners:
        event = by_lead[owner["lead_id"]].event
        job = _job(OWNER_HEARS[type(event)], event, now)
        if isinstance(event, events.RecoveryNeeded):
            job["data"] = {"reason": event.reason}
        elif isinstance(event, events.LeadTouched):
            job["data"] = {"message": event.message}
        jobs.append({**job, "rep_id": owner["rep_id"], "lead_id": owner["now_id"], "assignment_id": owner["assignment_id"]})
    await store.mails.add(unit, jobs)


async def _keep_what_they_gave(unit: Transaction, received: list[Received], now_ids: dict[UUID, UUID]) -> None:
    """A corrected email, another phone or what they wrote, for the brief: beside what the lead came with, never in its place.
    What it came without is theirs from now on, and the client's when it is won."""
    touches = [one.event for one in received if isinstance(one.event, events.LeadTouched) and one.event.lead_id in now_ids]
    touches = [touch for touch in touches if touch.contact or touch.message]
    if not touches:
        return
    found = await store.leads.lock_leads(unit, [now_ids[touch.lead_id] for touch in touches])
    snapshots = {row["id"]: row["snapshot"] for row in found if row["snapshot"]}
    for touch in touches:
        if (snapshot := snapshots.get(lead_id := now_ids[touch.lead_id])) is not None:
            contact = touch.contact.model_dump() if touch.contact else {}
            snapshots[lead_id] = snapshot | {
                "contact": completed(snapshot["contact"], contact),
                "also_gave": given_besides(snapshot, contact, touch.answers, touch.message),
            }
    await store.leads.save_snapshots(unit, snapshots)


def _job(kind: str, event: Any, now: datetime, **data: str) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "kind": kind,
        "rep_id": getattr(event, "rep_id", None),
        "lead_id": event.lead_id,
        "assignment_id": getattr(event, "assignment_id", None),
        "data": data,
        "due_at": now,
        "created_at": now,
    }
