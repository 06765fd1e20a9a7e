"""What is to be looked at again, and when."""

from datetime import datetime

from shared.database import Rows, Transaction


async def claim_timers(unit: Transaction, now: datetime, limit: int = 100) -> Rows:
    """Due timers, taken away in this transaction: another replica skips them, a crash leaves them."""
    return await unit.fetch(
        "DELETE FROM timer WHERE id = ANY(ARRAY(SELECT id FROM timer WHERE due_at <= $1 ORDER BY due_at, id "
        "LIMIT $2 FOR UPDATE SKIP LOCKED)) RETURNING kind, lead_id, assignment_id",
        now,
        limit,
    )
