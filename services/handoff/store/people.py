"""The reps."""

from uuid import UUID

from shared.database import Rows, Transaction


async def reps(unit: Transaction) -> Rows:
    return await unit.fetch(
        "SELECT r.id, r.name, r.email, r.state, coalesce(jsonb_object_agg(m.pool, m.weight) FILTER (WHERE m.pool IS NOT NULL), "
        "'{}') AS pools FROM rep r LEFT JOIN pool_member m ON m.rep_id = r.id GROUP BY r.id ORDER BY r.created_at, r.id"
    )


async def set_rep_state(unit: Transaction, rep_id: UUID, state: str) -> str | None:
    """Returns the rep's name, or None where there is no such rep."""
    found = await unit.value("UPDATE rep SET state = $2 WHERE id = $1 RETURNING name", rep_id, state)
    return None if found is None else str(found)
