"""Nothing is sent before what the topic says was sent is known: a restored backup must not write to anybody twice."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.followup import store
from shared import events, telemetry
from shared.database import Transaction
from shared.envelope import Received


async def compare(unit: Transaction, received: Sequence[Received], positions: dict[int, int]) -> int:
    """Take over what the topic knows and the journal does not; returns how many that were."""
    rows = [_row(one.event) for one in received if isinstance(one.event, events.TouchSent)]
    missing = await store.proof.rebuild(unit, rows) if rows else []
    if missing:
        telemetry.log().warning("the journal was behind its topic: sent touches taken over", touches=len(missing))
    await store.proof.advance(unit, positions)
    return len(missing)


def _row(event: events.TouchSent) -> dict[str, Any]:
    names = ("touch_id", "client_id", "lead_id", "plan", "step", "cycle", "channel", "message_id", "at")
    subject = event.subject or str(event.touch_id)  # events from before the subject was told: unique by themselves
    return {**{name: getattr(event, name) for name in names}, "subject": subject, "told_by": "topic"}


async def audit_rows(unit: Transaction, since: datetime) -> dict[str, str]:
    """The journal: touch -> message id."""
    found: dict[str, str] = {}
    after = None
    while rows := await store.proof.journal(unit, since, after, 5_000):
        found |= {str(row["touch_id"]): row["message_id"] for row in rows}
        after = rows[-1]["touch_id"]
    return found
