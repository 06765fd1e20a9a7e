"""The queries about submissions that were set aside."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from shared.database import Rows, Transaction


async def oldest(unit: Transaction, limit: int) -> Rows:
    return await unit.fetch(
        "SELECT id, form, received_at, test, reason FROM submission WHERE state = 'quarantined' ORDER BY id LIMIT $1", limit
    )


async def shown(unit: Transaction, lead_id: UUID) -> Any:
    """All that one of them says."""
    query = "SELECT id, form, received_at, test, reason, content FROM submission WHERE id = $1 AND state = 'quarantined'"
    return await unit.row(query, lead_id)


async def held(unit: Transaction, lead_id: UUID) -> Any:
    """One that is set aside, locked: it is released or discarded once. `region`: its form's, for phones."""
    query = (
        "SELECT s.id, s.content, f.definition->>'region' AS region FROM submission s LEFT JOIN form f ON f.key = s.form "
        "WHERE s.id = $1 AND s.state = 'quarantined' FOR UPDATE OF s"
    )
    return await unit.row(query, lead_id)


async def release(unit: Transaction, lead_id: UUID, content: dict[str, Any]) -> None:
    query = "UPDATE submission SET state = 'waiting', reason = NULL, attempts = 0, retry_at = NULL, content = $2 WHERE id = $1"
    await unit.execute(query, lead_id, content)


async def discard(unit: Transaction, lead_ids: Sequence[UUID], reason: str) -> list[UUID]:
    rows = await unit.fetch(
        "UPDATE submission SET state = 'disqualified', reason = $2 WHERE id = ANY($1::uuid[]) AND state = 'quarantined' "
        "RETURNING id",
        lead_ids,
        reason,
    )
    return [row["id"] for row in rows]
