"""Submissions on their way through the second step, and the ledger, which is their states."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.intake import models
from services.intake.store.persons import MEMBERS
from shared.database import Rows, Transaction


async def take_waiting(unit: Transaction, limit: int, now: datetime) -> Rows:
    """Those that wait and are not resting after a failure."""
    return await unit.fetch(
        "SELECT id, form, content, received_at, test, attempts FROM submission WHERE state = 'waiting' "
        "AND (retry_at IS NULL OR retry_at <= $2) ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED",
        limit,
        now,
    )


async def settle(unit: Transaction, states: Sequence[tuple[UUID, str, str | None, UUID | None]]) -> None:
    """Write the ledger's state of submissions, why, and the lead they were merged into."""
    await unit.write(
        "UPDATE submission s SET state = n.state, reason = n.reason, merged_into = n.into_id "
        "FROM json_to_recordset($1::json) AS n(id uuid, state text, reason text, into_id uuid) WHERE s.id = n.id",
        [dict(zip(("id", "state", "reason", "into_id"), one, strict=True)) for one in states],
    )


async def note_failure(unit: Transaction, lead_id: UUID, error: str, *, attempts: int, pause: timedelta, now: datetime) -> str:
    """Count a failed attempt at the second step. It rests, each time four times as long; too many put it aside, releasable."""
    return str(
        await unit.value(
            "UPDATE submission SET attempts = attempts + 1, reason = $2, "
            "retry_at = $5::timestamptz + $4::interval * power(4, attempts), "
            "state = CASE WHEN attempts + 1 >= $3 THEN 'quarantined' ELSE state END WHERE id = $1 RETURNING state",
            lead_id,
            error,
            attempts,
            pause,
            now,
        )
    )


async def keep_once(unit: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    await unit.insert(models.Submission, rows, "ON CONFLICT (id) DO NOTHING")


async def contacts_of(unit: Transaction, person_ids: Sequence[UUID]) -> dict[UUID, dict[str, str]]:
    """How to reach these persons: of each field what they said last, also where they only reached out again."""
    rows = await unit.fetch(
        MEMBERS + " SELECT m.root, s.content->'fields' AS fields FROM member m JOIN lead l ON l.person_id = m.id "  # noqa: S608
        "JOIN submission s ON s.id = l.id OR (s.merged_into = l.id AND NOT EXISTS (SELECT 1 FROM lead own WHERE own.id = s.id)) "
        "ORDER BY s.received_at, s.id",
        person_ids,
    )
    found: dict[UUID, dict[str, str]] = {}
    for row in rows:
        found.setdefault(row["root"], {}).update(row["fields"] or {})
    return found
