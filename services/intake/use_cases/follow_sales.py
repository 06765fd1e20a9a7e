"""What sales did with a lead comes back: it is part of the ledger, and history to learn from."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from uuid_utils.compat import uuid7

from services.intake import models
from services.intake.store import leads
from shared import events
from shared.database import Transaction
from shared.envelope import Received

STAGES: dict[type[events.Event], str] = {
    events.AssignmentAccepted: "accepted",
    events.LeadContacted: "contacted",
    events.LeadSalesQualified: "sales_qualified",
    events.LeadProposed: "proposed",
    events.LeadWon: "won",
    events.LeadLost: "lost",
    events.LeadRecycled: "recycled",
}
OUTCOMES: dict[type[events.Event], str] = {
    events.AssignmentDeclined: "declined",
    events.LeadSalesQualified: "sales_qualified",
    events.LeadWon: "won",
    events.LeadLost: "lost",
    events.LeadRecycled: "recycled",
}


async def follow_lead(unit: Transaction, received: list[Received], now: datetime) -> None:
    """Each event is of another lead. A recycled lead is open, and waits for a hand to be raised again."""
    steps: list[Any] = [one.event for one in received]
    await leads.move_leads(unit, [(step.lead_id, STAGES[type(step)]) for step in steps if type(step) in STAGES], now)
    await _keep_outcomes(unit, [step for step in steps if type(step) in OUTCOMES], now)


async def _keep_outcomes(unit: Transaction, steps: Sequence[Any], now: datetime) -> None:
    """Beside what we thought of the lead when sales said so."""
    found = {row["id"]: row for row in await leads.beliefs(unit, [step.lead_id for step in steps])} if steps else {}
    rows = [
        {
            "id": uuid7(),
            "lead_id": step.lead_id,
            **{name: found[step.lead_id][name] for name in ("person_id", "score", "grade", "tier", "agreement", "campaign")},
            "outcome": OUTCOMES[type(step)],
            "reason": getattr(step, "reason", "")[:200],
            "at": step.at,
        }
        for step in steps
        if step.lead_id in found
    ]
    await unit.insert(models.Outcome, rows)
