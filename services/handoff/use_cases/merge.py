"""One person, one need: the losing lead's assignment is withdrawn, and what is said of it counts for the survivor."""

from datetime import datetime
from typing import Any

from services.handoff import models, store
from services.handoff.use_cases.advance import end_assignment
from services.handoff.use_cases.jobs import publish_jobs
from services.handoff.use_cases.outcomes import apply_early_events
from shared import events
from shared.database import Transaction
from shared.envelope import Received


async def merge_leads(unit: Transaction, received: list[Received], now: datetime) -> None:
    """The survivor's owner stays. A lead that was closed before stays as it was, but points to the survivor."""
    for one in received:
        event = one.event
        assert isinstance(event, events.LeadMerged)  # noqa: S101
        if event.into == event.lead_id or await store.leads.survivor_of(unit, event.into) == event.lead_id:
            continue  # a circle would swallow both
        lead = await store.leads.lock_this_lead(unit, event.lead_id)
        if lead is None:
            await unit.insert(models.Lead, [_merged(event, now)], "ON CONFLICT DO NOTHING")
        elif lead["state"] != "erased":
            if (assignment := await store.assignments.active_assignment(unit, lead["id"])) is not None:
                await end_assignment(unit, assignment, events.AssignmentWithdrawn, "withdrawn", "merged", now)
            await store.leads.merge_lead(unit, lead["id"], event.into)
        await _hand_over(unit, event, now)


async def merge_persons(unit: Transaction, received: list[Received], now: datetime) -> None:
    """Comes once per lead of the person who was another all along."""
    for one in received:
        event = one.event
        assert isinstance(event, events.PersonMerged)  # noqa: S101
        await store.leads.set_person(unit, event.lead_id, event.into)
        await store.briefs.move_consents(unit, event.person_id, event.into)
        await store.briefs.remember_heir(unit, event.person_id, event.into)  # what they said before may be read after this


async def _hand_over(unit: Transaction, event: events.LeadMerged, now: datetime) -> None:
    """What waited for the lead that lost waits for the survivor, or takes effect there."""
    survivor = await store.leads.survivor_of(unit, event.into)
    await store.early.move(unit, event.lead_id, survivor)
    await store.leads.move_jobs(unit, event.lead_id, survivor)
    await store.mails.move(unit, event.lead_id, survivor)
    if (lead := await store.leads.lock_lead(unit, survivor)) is not None:
        await apply_early_events(unit, [survivor], now)
        if lead["state"] == "won":
            await publish_jobs(unit, lead, now)


def _merged(event: events.LeadMerged, now: datetime) -> dict[str, Any]:
    return {
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
