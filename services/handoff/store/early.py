"""What was reported of leads that we do not know yet."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from shared.database import Rows, Transaction

TAKE = "WITH gone AS (DELETE FROM early_event WHERE {} RETURNING *) SELECT * FROM gone ORDER BY id"


async def count(unit: Transaction, lead_id: UUID) -> int:
    return int(await unit.value("SELECT count(*) FROM early_event WHERE lead_id = $1", lead_id))


async def take(unit: Transaction, lead_ids: Sequence[UUID]) -> Rows:
    return await unit.fetch(TAKE.format("lead_id = ANY($1::uuid[])"), lead_ids)


async def take_older(unit: Transaction, before: datetime, limit: int = 100) -> Rows:
    chosen = "SELECT id FROM early_event WHERE received_at < $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED"
    return await unit.fetch(TAKE.format(f"id = ANY(ARRAY({chosen}))"), before, limit)


async def arrived(unit: Transaction, limit: int = 100) -> list[UUID]:
    """Leads that are here although something waits for them."""
    query = "SELECT DISTINCT e.lead_id FROM early_event e JOIN lead l ON l.id = e.lead_id LIMIT $1"
    return [row["lead_id"] for row in await unit.fetch(query, limit)]


async def move(unit: Transaction, lead_id: UUID, survivor: UUID) -> None:
    await unit.execute("UPDATE early_event SET lead_id = $2 WHERE lead_id = $1", lead_id, survivor)


async def forget(unit: Transaction, lead_id: UUID) -> None:
    await unit.execute("DELETE FROM early_event WHERE lead_id = $1", lead_id)
