"""Letters that are due: claimed, gated and written down like every other touch, then printed together."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from services.followup import store
from services.followup.adapters.letters import Letter
from services.followup.use_cases.sending.compose import Outgoing
from services.followup.use_cases.sending.ends import end_touches
from services.followup.use_cases.sending.intend import Intender
from shared.database import Transaction


async def claim_letters(unit: Transaction, now: datetime, *, limit: int, lease: timedelta) -> list[Any]:
    return list(await store.sending.claim_due(unit, now, ["post"], limit=limit, lease=lease))


async def intend_letters(unit: Transaction, intender: Intender, touches: Sequence[Any], now: datetime) -> list[Outgoing]:
    return await intender.intend(unit, touches, now) if touches else []


async def letters_printed(unit: Transaction, printed: Sequence[Outgoing], now: datetime) -> None:
    touches = [{**dict(one.touch), "message_id": one.message_id} for one in printed]
    await store.clients.lock_all(unit, {touch["client_id"] for touch in touches})
    await end_touches(unit, [(touch, "sent", None) for touch in touches], now)


async def letters_not_printed(unit: Transaction, waiting: Sequence[Outgoing], now: datetime) -> None:
    """They wait for the next time: paper that was never printed was never sent."""
    await store.sending.plan_again(unit, [(one.touch["id"], one.touch["fence"], now, 0) for one in waiting])


def letter_of(outgoing: Outgoing) -> Letter:
    assert isinstance(outgoing.message, Letter)  # noqa: S101
    return outgoing.message
