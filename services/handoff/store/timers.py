"""What is to be looked at again, and when."""

from datetime import datetime

from shared.database import Rows, Transaction


async def claim_timers(unit: Transaction, now: datetime, limit: int = 500) -> Rows:
    """Due timers, taken away in this transaction: another replica skips them, a crash leaves them."""
    return await unit.fetch(
        "DELETE FROM timer WHERE id = ANY(ARRAY(SELECT id FROM timer WHERE due_at <= $1 ORDER BY due_at, id "
        "LIMIT $2 FOR UPDATE SKIP LOCKED)) RETURNING kind, due_at, percent, lead_id, assignment_id",
        now,
        limit,
    )


async def wake_held(unit: Transaction) -> None:
    """Somebody came, came back or may do more: look at the held leads at once, oldest first."""
    await unit.execute("UPDATE timer SET due_at = 'epoch' WHERE kind = 'held'")
