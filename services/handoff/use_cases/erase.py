"""Erasure: nothing personal stays. The lead's row remains, empty, so that a late event revives nothing."""

from datetime import datetime
from uuid import UUID

from services.handoff import models, store
from services.handoff.use_cases.advance import end_assignment
from services.handoff.use_cases.manual import forget_words
from shared import events
from shared.database import Transaction
from shared.envelope import Received
from shared.outbox import withdraw


async def erase_person(unit: Transaction, received: list[Received], now: datetime) -> None:
    """Comes once per lead of the person."""
    for one in received:
        lead_id: UUID = one.event.lead_id  # type: ignore[attr-defined]
        await store.leads.lock_this_lead(unit, lead_id)
        await withdraw(unit, [lead_id])
        await forget_words(unit, lead_id)
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
        await store.early.forget(unit, lead_id)
        await store.mails.forget(unit, lead_id)
        await store.briefs.forget_person(unit, row["person_id"])
