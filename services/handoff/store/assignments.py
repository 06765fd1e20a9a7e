"""Offers of leads to reps, and the decisions behind them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.handoff import models
from shared.database import Rows, Transaction


async def assignment(unit: Transaction, assignment_id: UUID) -> Any:
    return await unit.row("SELECT * FROM assignment WHERE id = $1", assignment_id)


async def active_assignment(unit: Transaction, lead_id: UUID) -> Any:
    return await unit.row(f"SELECT * FROM assignment WHERE lead_id = $1 AND {models.ACTIVE}", lead_id)  # noqa: S608


async def active_of(unit: Transaction, lead_ids: Sequence[UUID]) -> dict[UUID, Any]:
    """The active assignment of each of these leads."""
    if not lead_ids:
        return {}
    query = f"SELECT * FROM assignment WHERE lead_id = ANY($1::uuid[]) AND {models.ACTIVE}"  # noqa: S608
    return {row["lead_id"]: row for row in await unit.fetch(query, lead_ids)}


async def assignments(
    unit: Transaction, *, lead_id: UUID | None, rep_id: UUID | None, state: str | None, after: UUID | None, limit: int
) -> Rows:
    return await unit.fetch(
        "SELECT id AS assignment_id, lead_id, rep_id, attempt, state, offered_at, expires_at FROM assignment "
        "WHERE ($1::uuid IS NULL OR lead_id = $1) AND ($2::uuid IS NULL OR rep_id = $2) "
        "AND ($3::text IS NULL OR state = $3) AND ($4::uuid IS NULL OR id > $4) ORDER BY id LIMIT $5",
        lead_id,
        rep_id,
        state,
        after,
        limit,
    )


async def assignments_of(unit: Transaction, lead_id: UUID) -> Rows:
    """Every assignment of a lead, the latest first."""
    return await unit.fetch("SELECT * FROM assignment WHERE lead_id = $1 ORDER BY attempt DESC", lead_id)


async def asked(unit: Transaction, lead_ids: Sequence[UUID], breached: str) -> dict[UUID, tuple[frozenset[str], int]]:
    """Who was offered each of these leads, and how many of them let it go: not where it was taken from them by hand.

    `breached`: the reason of those from whom a clock took it. An assignment that is active is about to end by a clock.
    """
    if not lead_ids:
        return {}
    rows = await unit.fetch(
        "SELECT lead_id, array_agg(DISTINCT rep_id::text) AS reps, count(*) FILTER (WHERE state <> 'withdrawn' OR reason = $2) "
        "AS tries FROM assignment WHERE lead_id = ANY($1::uuid[]) GROUP BY 1",
        lead_ids,
        breached,
    )
    return {row["lead_id"]: (frozenset(row["reps"]), row["tries"]) for row in rows}


async def set_assignment_state(unit: Transaction, assignment_id: UUID, state: str, reason: str = "") -> None:
    await unit.execute("UPDATE assignment SET state = $2, reason = $3 WHERE id = $1", assignment_id, state, reason)


async def forget_reasons(unit: Transaction, lead_id: UUID) -> None:
    """People may have typed who the client is."""
    await unit.execute("UPDATE assignment SET reason = '' WHERE lead_id = $1", lead_id)


async def replace_decision(unit: Transaction, assignment_id: UUID, decision: dict[str, Any]) -> None:
    await unit.execute("UPDATE assignment SET decision = $2 WHERE id = $1", assignment_id, decision)


async def set_states(unit: Transaction, rows: Sequence[tuple[UUID, str, str]]) -> None:
    """State and reason of several assignments."""
    if rows:
        await unit.execute(
            "UPDATE assignment a SET state = n.state, reason = n.reason "
            "FROM unnest($1::uuid[], $2::text[], $3::text[]) AS n(id, state, reason) WHERE a.id = n.id",
            *map(list, zip(*rows, strict=True)),
        )


async def decisions(unit: Transaction, after: UUID | None, limit: int) -> Rows:
    """Stored decisions in order of their assignments' ids, a chunk at a time."""
    query = "SELECT id, decision FROM assignment WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2"
    return await unit.fetch(query, after, limit)
