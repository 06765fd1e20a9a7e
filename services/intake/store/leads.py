"""Leads, their scores, and what sales did with them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.database import Rows, Transaction


async def gather_leads(unit: Transaction, person_ids: Sequence[UUID]) -> Rows:
    """The leads of these persons, newest first."""
    return await unit.fetch(
        "SELECT id, person_id, need, stage, opened_at FROM lead WHERE person_id = ANY($1::uuid[]) ORDER BY opened_at DESC",
        person_ids,
    )


async def touch_leads(unit: Transaction, lead_ids: Sequence[UUID], now: datetime) -> None:
    await unit.execute("UPDATE lead SET touched_at = $2 WHERE id = ANY($1::uuid[])", lead_ids, now)


async def move_lead(unit: Transaction, lead_id: UUID, *, stage: str, ledger: str, now: datetime) -> bool:
    """Follow what sales did. False for a lead that is not ours."""
    moved = await unit.value("UPDATE lead SET stage = $2, touched_at = $3 WHERE id = $1 RETURNING id", lead_id, stage, now)
    if moved:
        await unit.execute("UPDATE submission SET state = $2 WHERE id = $1", lead_id, ledger)
    return bool(moved)


async def score_lines(unit: Transaction, lead_id: UUID) -> Rows:
    return await unit.fetch("SELECT axis, reason, points FROM score_entry WHERE lead_id = $1 ORDER BY line", lead_id)


async def lead(unit: Transaction, lead_id: UUID) -> Any:
    return await unit.row("SELECT * FROM lead WHERE id = $1", lead_id)
