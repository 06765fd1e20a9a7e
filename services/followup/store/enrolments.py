"""Who is in which plan, and what pauses or ends it."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.followup import models
from shared.database import Rows, Transaction


async def create(unit: Transaction, enrolments: list[dict[str, Any]]) -> Rows:
    """Enrol; a second time is impossible. Returns those that were new."""
    return await unit.insert(models.Enrolment, enrolments, "ON CONFLICT DO NOTHING RETURNING *")


async def earlier(unit: Transaction, client_ids: Collection[UUID]) -> Rows:
    return await unit.fetch("SELECT * FROM enrolment WHERE client_id = ANY($1) ORDER BY id", list(client_ids))


async def pause(unit: Transaction, enrolment_ids: Collection[UUID], reason: str) -> None:
    """What nobody has begun to send waits with the enrolment."""
    await unit.execute("UPDATE enrolment SET state = 'paused', reason = $2 WHERE id = ANY($1)", list(enrolment_ids), reason)
    await unit.execute(
        "UPDATE touch SET state = 'paused', reason = $2, lease_until = NULL WHERE enrolment_id = ANY($1) AND state = 'planned'",
        list(enrolment_ids),
        reason,
    )


async def resume(unit: Transaction, enrolment_ids: Collection[UUID], now: datetime) -> None:
    """What was due meanwhile is due a moment from now: planning gives it a better time, or ends it."""
    await unit.execute("UPDATE enrolment SET state = 'active', reason = NULL WHERE id = ANY($1)", list(enrolment_ids))
    await unit.execute(
        "UPDATE touch SET state = 'planned', reason = NULL, due_at = greatest(due_at, $2) "
        "WHERE enrolment_id = ANY($1) AND state = 'paused'",
        list(enrolment_ids),
        now + timedelta(seconds=1),
    )


async def stop(unit: Transaction, enrolment_ids: Collection[UUID], reason: str, now: datetime) -> Rows:
    """End enrolments and every touch nobody has begun to send; returns those touches."""
    await unit.execute(
        "UPDATE enrolment SET state = 'stopped', reason = $2, settled_at = $3 WHERE id = ANY($1)",
        list(enrolment_ids),
        reason,
        now,
    )
    return await unit.fetch(
        "UPDATE touch SET state = 'skipped', reason = $2, settled_at = $3 WHERE enrolment_id = ANY($1) "
        "AND state IN ('planned', 'paused') RETURNING *",
        list(enrolment_ids),
        reason,
        now,
    )


async def live(unit: Transaction, client_ids: Collection[UUID]) -> Rows:
    return await unit.fetch(
        "SELECT * FROM enrolment WHERE client_id = ANY($1) AND state IN ('active', 'paused') ORDER BY id", list(client_ids)
    )


async def open_holds(unit: Transaction, rows: list[dict[str, Any]]) -> None:
    await unit.insert(
        models.Hold, rows, "ON CONFLICT (client_id, kind, ref) DO UPDATE SET until = greatest(hold.until, excluded.until)"
    )


async def close_holds(unit: Transaction, client_ids: Collection[UUID], kind: str, ref: str | None = None) -> None:
    await unit.execute(
        "DELETE FROM hold WHERE client_id = ANY($1) AND kind = $2 AND ($3::text IS NULL OR ref = $3)", list(client_ids), kind, ref
    )


async def holds(unit: Transaction, client_ids: Collection[UUID]) -> Rows:
    return await unit.fetch("SELECT * FROM hold WHERE client_id = ANY($1) ORDER BY opened_at", list(client_ids))


async def take_ended_holds(unit: Transaction, now: datetime, limit: int) -> Rows:
    """Holds nobody closed end by themselves."""
    return await unit.fetch(
        "DELETE FROM hold WHERE ctid = ANY(ARRAY(SELECT ctid FROM hold WHERE until < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)) "
        "RETURNING client_id, kind",
        now,
        limit,
    )


async def anchors(unit: Transaction, enrolment_ids: Collection[UUID]) -> dict[UUID, dict[str, Any]]:
    """What each enrolment counts from: days, trade, outcome."""
    rows = await unit.fetch("SELECT id, anchors FROM enrolment WHERE id = ANY($1)", list(enrolment_ids))
    return {row["id"]: row["anchors"] for row in rows}


async def anchors_of(unit: Transaction, client_id: UUID) -> dict[UUID, dict[str, Any]]:
    rows = await unit.fetch("SELECT id, anchors FROM enrolment WHERE client_id = $1", client_id)
    return {row["id"]: row["anchors"] for row in rows}
