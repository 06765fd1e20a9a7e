"""Offers of leads to reps, and the decisions behind them."""

from typing import Any
from uuid import UUID

from services.handoff import models
from shared.database import Rows, Transaction


async def assignment(unit: Transaction, assignment_id: UUID) -> Any:
    return await unit.row("SELECT * FROM assignment WHERE id = $1", assignment_id)


async def active_assignment(unit: Transaction, lead_id: UUID) -> Any:
    return await unit.row(f"SELECT * FROM assignment WHERE lead_id = $1 AND {models.ACTIVE}", lead_id)  # noqa: S608


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


async def tried_reps(unit: Transaction, lead_id: UUID) -> frozenset[UUID]:
    return frozenset(row["rep_id"] for row in await unit.fetch("SELECT rep_id FROM assignment WHERE lead_id = $1", lead_id))


async def set_assignment_state(unit: Transaction, assignment_id: UUID, state: str, reason: str = "") -> None:
    await unit.execute("UPDATE assignment SET state = $2, reason = $3 WHERE id = $1", assignment_id, state, reason)


async def decisions(unit: Transaction) -> Rows:
    return await unit.fetch("SELECT id, decision FROM assignment")
