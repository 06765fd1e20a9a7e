"""Leads, what they scored, and what sales did with them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.intake.domain.scoring import Line
from services.intake.store.persons import MEMBERS
from shared.database import Rows, Transaction

LATEST = 200  # of a person's leads: what is older says nothing about the next one


async def gather_leads(unit: Transaction, person_ids: Sequence[UUID]) -> Rows:
    """The latest leads of these persons and of those merged into them, newest first. Tests are nobody's history."""
    return await unit.fetch(
        MEMBERS + " SELECT l.id, m.root AS person_id, l.need, l.stage, l.opened_at, l.first_touch, l.campaign "  # noqa: S608
        "FROM member m "
        "CROSS JOIN LATERAL (SELECT * FROM lead l WHERE l.person_id = m.id AND NOT l.test ORDER BY l.opened_at DESC LIMIT $2) l "
        "ORDER BY l.opened_at DESC",
        person_ids,
        LATEST,
    )


async def ids_of(unit: Transaction, person_id: UUID) -> list[UUID]:
    """All leads of a person and of those merged into them."""
    query = MEMBERS + " SELECT l.id FROM member m JOIN lead l ON l.person_id = m.id WHERE NOT l.test ORDER BY l.id"  # noqa: S608
    return [row["id"] for row in await unit.fetch(query, [person_id])]


async def not_interested(unit: Transaction, lead_ids: Sequence[UUID]) -> set[UUID]:
    """Which of these leads ended because the person was not interested."""
    rows = await unit.fetch(
        "SELECT DISTINCT lead_id FROM outcome WHERE lead_id = ANY($1::uuid[]) AND outcome = 'lost' "
        "AND replace(lower(reason), '_', ' ') = 'not interested'",
        lead_ids,
    )
    return {row["lead_id"] for row in rows}


async def attributions(unit: Transaction, touches: Sequence[UUID]) -> dict[UUID, dict[str, str]]:
    """What these submissions said of where the person came from."""
    rows = await unit.fetch("SELECT id, content->'attribution' AS said FROM submission WHERE id = ANY($1::uuid[])", touches)
    return {row["id"]: row["said"] or {} for row in rows}


async def lock_for_scoring(unit: Transaction, lead_ids: Sequence[UUID]) -> Rows:
    """Leads with the submission that opened them, locked in one order."""
    return await unit.fetch(
        "SELECT l.id, l.person_id, l.stage, l.need, l.first_touch, l.campaign, l.agreement, l.decided_at, "
        "s.form, s.content, s.received_at "
        "FROM lead l JOIN submission s ON s.id = l.id WHERE l.id = ANY($1::uuid[]) ORDER BY l.id FOR UPDATE OF l",
        lead_ids,
    )


async def lines_of_leads(unit: Transaction, lead_ids: Sequence[UUID]) -> dict[UUID, list[Line]]:
    rows = await unit.fetch(
        "SELECT lead_id, axis, kind, rule, reason, points, at FROM score_entry WHERE lead_id = ANY($1::uuid[]) "
        "ORDER BY lead_id, line",
        lead_ids,
    )
    found: dict[UUID, list[Line]] = {lead_id: [] for lead_id in lead_ids}
    for row in rows:
        found[row["lead_id"]].append(Line(*tuple(row)[1:]))
    return found


async def save_verdicts(unit: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    """Stage, tier, score and grade of leads as they were just decided."""
    names = ("id", "stage", "tier", "score", "grade", "agreement", "decided_at", "touched_at")
    await unit.execute(
        "UPDATE lead l SET stage = n.stage, tier = n.tier, score = n.score, grade = n.grade, agreement = n.agreement, "
        "decided_at = n.decided_at, touched_at = n.touched_at "
        "FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::text[], $6::text[], $7::timestamptz[], "
        "$8::timestamptz[]) AS n(id, stage, tier, score, grade, agreement, decided_at, touched_at) WHERE l.id = n.id",
        *([row[name] for row in rows] for name in names),
    )


async def mark_replaced(unit: Transaction, lead_ids: Sequence[UUID], now: datetime) -> None:
    """Leads sales gave back, whose person raised the same hand again as a new lead."""
    await unit.execute("UPDATE lead SET stage = 'merged', touched_at = $2 WHERE id = ANY($1::uuid[])", lead_ids, now)


async def move_leads(unit: Transaction, moves: Sequence[tuple[UUID, str]], now: datetime) -> None:
    """Follow what sales did, in the lead and in the ledger. A lead that is not ours, or was erased, is left alone.

    What we disqualified stays so, unless sales has closed it: whatever was on its way meanwhile, they withdraw it.
    """
    await unit.execute(
        "WITH moved AS (UPDATE lead l SET stage = n.stage, touched_at = $3 FROM unnest($1::uuid[], $2::text[]) AS n(id, stage) "
        "WHERE l.id = n.id AND l.stage <> 'merged' AND (l.stage <> 'disqualified' OR n.stage IN ('won', 'lost')) "
        "RETURNING l.id, n.stage) "
        "UPDATE submission s SET state = CASE WHEN m.stage IN ('won', 'lost') THEN 'closed' ELSE 'open' END, reason = NULL "
        "FROM moved m WHERE s.id = m.id",
        [lead_id for lead_id, _ in moves],
        [stage for _, stage in moves],
        now,
    )


async def beliefs(unit: Transaction, lead_ids: Sequence[UUID]) -> Rows:
    return await unit.fetch(
        "SELECT id, person_id, score, grade, tier, agreement, campaign FROM lead WHERE id = ANY($1::uuid[])", lead_ids
    )


async def lead(unit: Transaction, lead_id: UUID) -> Any:
    return await unit.row("SELECT * FROM lead WHERE id = $1", lead_id)


async def lock_lead(unit: Transaction, lead_id: UUID) -> Any:
    return await unit.row("SELECT * FROM lead WHERE id = $1 FOR UPDATE", lead_id)


async def set_stage(unit: Transaction, lead_id: UUID, stage: str, now: datetime) -> None:
    await unit.execute("UPDATE lead SET stage = $2, touched_at = $3 WHERE id = $1", lead_id, stage, now)


async def leads_of(unit: Transaction, person_ids: Sequence[UUID]) -> Rows:
    return await unit.fetch("SELECT * FROM lead WHERE person_id = ANY($1::uuid[]) ORDER BY opened_at, id", person_ids)
