"""Submissions on their way through the second step, and the ledger, which is their states."""

from collections.abc import Sequence
from uuid import UUID

from shared.database import Rows, Transaction


async def take_waiting(unit: Transaction, limit: int) -> Rows:
    return await unit.fetch(
        "SELECT id, form, content, received_at, test, attempts FROM submission WHERE state = 'waiting' "
        "ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED",
        limit,
    )


async def settle(unit: Transaction, states: Sequence[tuple[UUID, str, str | None]]) -> None:
    """Write the ledger's state of submissions."""
    await unit.execute(
        "UPDATE submission s SET state = n.state, reason = n.reason "
        "FROM unnest($1::uuid[], $2::text[], $3::text[]) AS n(id, state, reason) WHERE s.id = n.id",
        [lead_id for lead_id, _, _ in states],
        [state for _, state, _ in states],
        [reason for _, _, reason in states],
    )


async def note_failure(unit: Transaction, lead_id: UUID, error: str, attempts: int) -> str:
    """Count a failed attempt at the second step; too many put the submission aside, releasable."""
    return str(
        await unit.value(
            "UPDATE submission SET attempts = attempts + 1, reason = $2, "
            "state = CASE WHEN attempts + 1 >= $3 THEN 'quarantined' ELSE state END WHERE id = $1 RETURNING state",
            lead_id,
            error[:500],
            attempts,
        )
    )


async def ledger(unit: Transaction, *, test: bool) -> Rows:
    """The equation by form and hour; `received` is what the states must add up to."""
    return await unit.fetch(
        "SELECT form, date_trunc('hour', received_at) AS hour, state, count(*) AS n FROM submission "
        "WHERE test = $1 GROUP BY 1, 2, 3 ORDER BY 2 DESC, 1 LIMIT 10000",
        test,
    )


async def oldest_waiting_seconds(unit: Transaction) -> float:
    found = await unit.value(
        "SELECT extract(epoch FROM now() - received_at) FROM submission WHERE state = 'waiting' ORDER BY id LIMIT 1"
    )
    return float(found or 0)
