"""The end of touches, told to everybody: rows, journal and events in one transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.followup import store
from shared import events, telemetry
from shared.database import Transaction
from shared.envelope import to_record
from shared.outbox import put

SOURCE = "/followup"
End = tuple[Any, str, str | None]  # touch, state, reason


async def end_touches(unit: Transaction, ends: Sequence[End], now: datetime, *, told_by: str = "answer") -> None:
    """Write these ends. A touch whose lease was lost is left alone: somebody else settles it."""
    if not ends:
        return
    settled = await store.sending.settle(
        unit, [(touch["id"], touch["fence"], state, reason) for touch, state, reason in ends], now
    )
    kept = [end for end in ends if end[0]["id"] in settled]
    for touch, _, _ in ends:
        if touch["id"] not in settled and touch["channel"] != "sms":  # a text's provider may call us before it answers
            telemetry.log().warning("lease lost, somebody else settles the touch", touch_id=str(touch["id"]))
    await store.sending.journal_sent(unit, [touch for touch, state, _ in kept if state == "sent"], now, told_by=told_by)
    records = [
        to_record(_event(touch, state, reason, now), key=str(touch["client_id"]), source=SOURCE, at=now)
        for touch, state, reason in kept
    ]
    await put(unit, events.FOLLOWUP, records)


def _event(touch: Any, state: str, reason: str | None, now: datetime) -> events.TouchEvent:
    names = ("client_id", "lead_id", "plan", "step", "channel", "cycle", "subject")
    common = {"touch_id": touch["id"], "at": now, **{name: touch[name] for name in names}}
    if state == "sent":
        return events.TouchSent(**common, message_id=touch["message_id"])
    if state == "failed":
        return events.TouchFailed(**common, reason=(reason or "")[:200])
    return events.TouchSkipped(**common, reason=(reason or state)[:200])
