"""Marketing found that a lead is none: whoever has it is told, and the work on it ends."""

from datetime import datetime

from services.handoff import store
from services.handoff.use_cases.advance import end_assignment
from services.handoff.use_cases.manual import OPEN
from shared import events
from shared.database import Transaction
from shared.envelope import Received


async def disqualify_leads(unit: Transaction, received: list[Received], now: datetime) -> None:
    for one in received:
        event = one.event
        assert isinstance(event, events.LeadDisqualified)  # noqa: S101
        lead = await store.leads.lock_this_lead(unit, event.lead_id)
        if lead is None or lead["state"] not in OPEN:
            continue
        if (assignment := await store.assignments.active_assignment(unit, lead["id"])) is not None:
            await end_assignment(unit, assignment, events.AssignmentWithdrawn, "withdrawn", event.reason, now)
        await store.leads.set_lead_state(unit, lead["id"], "disqualified", now)
