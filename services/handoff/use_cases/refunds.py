"""A lead that was none gives its turn back: merged, or rejected for a reason the agreement names. No other end does."""

from datetime import datetime
from typing import Any

from services.handoff import store
from services.handoff.domain.rules import reason_key
from services.handoff.use_cases.policy import current_policy
from shared.database import Transaction

MERGED = "merged"


async def refund_if_due(unit: Transaction, assignment: Any, reason: str, now: datetime) -> None:
    """The pool's next decision books it, so nobody waits here for the pool."""
    if not assignment["pool"] or not reason:
        return
    if reason == MERGED or reason_key(reason) in (await current_policy(unit)).refund_reasons:
        await store.pools.ask_refund(unit, assignment, reason, now)
