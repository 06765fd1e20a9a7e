"""Nothing is sent before what the topic knows is known: a restored backup writes to nobody twice, nor after their "stop"."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.followup import store
from services.followup.use_cases.consent import Addresses, hear
from shared import events, telemetry
from shared.database import Transaction
from shared.envelope import Received


async def compare(
    unit: Transaction, addresses: Addresses, received: Sequence[Received], positions: dict[int, int], now: datetime
) -> int:
    """Take over what the topic knows and the database does not; returns how many sent touches that were."""
    rows = [_row(one.event) for one in received if isinstance(one.event, events.TouchSent)]
    missing = await store.proof.rebuild(unit, rows) if rows else []
    if missing:
        telemetry.log().warning("the journal was behind its topic: sent touches taken over", touches=len(missing))
    for one in received:
        if isinstance(one.event, events.ConsentRevoked):
            await _refuse_again(unit, addresses, one.event, one.at or now, now)
    await store.proof.advance(unit, positions)
    return len(missing)


async def _refuse_again(
    unit: Transaction, addresses: Addresses, event: events.ConsentRevoked, at: datetime, now: datetime
) -> None:
    """Our own word for a "stop": the statement behind it is here, or something newer, unless a backup was restored."""
    channel, purpose = event.channel, event.purpose or ""
    if await store.consent.is_said_since(unit, event.person_id, channel, purpose, at):
        return
    telemetry.log().warning("an opt-out was behind its topic: taken over", client_id=str(event.person_id), channel=channel)
    refused = events.Consent(channel=channel, purpose=event.purpose, granted=False, text=event.reason)
    await hear(unit, addresses, event.person_id, refused, at, now)


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
