"""Claim, intend, settle: every query of the way a touch takes out of the house."""

from datetime import datetime, timedelta
from uuid import UUID

from shared.database import Rows, Transaction


async def claim_due(unit: Transaction, now: datetime, *, limit: int, lease: timedelta) -> Rows:
    """Take due touches for this worker. Planner settings: with stale statistics it would sort the whole backlog."""
    await unit.execute("SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")
    return await unit.fetch(
        "UPDATE touch SET state = 'claimed', fence = fence + 1, lease_until = $3 WHERE id = ANY(ARRAY("
        "SELECT id FROM touch WHERE state = 'planned' AND due_at <= $1 ORDER BY due_at, id LIMIT $2 "
        "FOR UPDATE SKIP LOCKED)) RETURNING *",
        now,
        limit,
        now + lease,
    )


async def take_back_unsent(unit: Transaction, now: datetime) -> None:
    """Claimed by a worker that died before it intended to send: nothing happened."""
    await unit.execute("UPDATE touch SET state = 'planned' WHERE state = 'claimed' AND lease_until < $1", now)


async def in_doubt(unit: Transaction, now: datetime) -> Rows:
    """Intended by a worker that died: nobody knows whether it was sent."""
    return await unit.fetch(
        "SELECT * FROM touch WHERE state = 'sending' AND lease_until < $1 ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED", now
    )


async def intend(unit: Transaction, touch_id: UUID, fence: int, message_id: str, lease_until: datetime) -> bool:
    """Commit the intent to send. False where the lease was lost."""
    found = await unit.value(
        "UPDATE touch SET state = 'sending', attempt = attempt + 1, message_id = $3, lease_until = $4 "
        "WHERE id = $1 AND fence = $2 AND state = 'claimed' RETURNING id",
        touch_id,
        fence,
        message_id,
        lease_until,
    )
    return found is not None


async def settle(unit: Transaction, touch_id: UUID, fence: int, state: str, reason: str | None, now: datetime) -> bool:
    """Write the end of a touch. False where the lease was lost: then somebody else settles it."""
    found = await unit.value(
        "UPDATE touch SET state = $3, reason = $4, settled_at = $5 WHERE id = $1 AND fence = $2 "
        "AND state IN ('claimed', 'sending') RETURNING id",
        touch_id,
        fence,
        state,
        reason,
        now,
    )
    return found is not None


async def plan_again(unit: Transaction, touch_id: UUID, fence: int, due_at: datetime) -> None:
    await unit.execute(
        "UPDATE touch SET state = 'planned', due_at = $3 WHERE id = $1 AND fence = $2 AND state = 'sending'",
        touch_id,
        fence,
        due_at,
    )


async def message_id(unit: Transaction, touch_id: UUID) -> str:
    return str(await unit.value("SELECT message_id FROM touch WHERE id = $1", touch_id))
