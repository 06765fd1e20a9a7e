"""What a brief needs, for several assignments at once."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from services.handoff import models
from shared.database import Rows, Transaction

ENDED_BEFORE = 8


async def offers(unit: Transaction, assignment_ids: Collection[UUID]) -> Rows:
    """Assignments with their lead and their rep, who may have left."""
    return await unit.fetch(
        "SELECT a.id AS assignment_id, a.lead_id, a.rep_id, a.attempt, a.state, a.offered_at, a.expires_at, a.touch_by, "
        "l.person_id, l.state AS lead_state, l.tier, l.snapshot, l.owner_id, r.name AS rep, r.email, r.zone, "
        "r.state AS rep_state "
        "FROM assignment a JOIN lead l ON l.id = a.lead_id JOIN rep r ON r.id = a.rep_id WHERE a.id = ANY($1::uuid[])",
        list(assignment_ids),
    )


async def earlier_leads(unit: Transaction, person_ids: Collection[UUID]) -> Rows:
    """What these persons asked for before, the last few of each."""
    return await unit.fetch(
        "SELECT * FROM (SELECT l.person_id, l.id AS lead_id, l.qualified_at AS at, l.state, "
        "coalesce(l.snapshot->>'selection', '') AS selection, coalesce((SELECT a.reason FROM assignment a "
        "WHERE a.lead_id = l.id ORDER BY a.attempt DESC LIMIT 1), '') AS reason, "
        "row_number() OVER (PARTITION BY l.person_id ORDER BY l.qualified_at DESC) AS n "
        "FROM lead l WHERE l.person_id = ANY($1::uuid[]) AND l.state NOT IN ('merged', 'erased', 'test')) AS one "
        "WHERE n <= $2 ORDER BY at",
        list(person_ids),
        ENDED_BEFORE,
    )


async def earlier_offers(unit: Transaction, lead_ids: Collection[UUID]) -> Rows:
    """Who was asked before, and what they said."""
    return await unit.fetch(
        "SELECT a.id AS assignment_id, a.lead_id, a.attempt, a.offered_at AS at, a.state, a.reason, r.name AS rep "
        "FROM assignment a JOIN rep r ON r.id = a.rep_id WHERE a.lead_id = ANY($1::uuid[]) ORDER BY a.attempt DESC LIMIT 500",
        list(lead_ids),
    )


async def consents(unit: Transaction, person_ids: Collection[UUID]) -> Rows:
    return await unit.fetch(
        "SELECT person_id, channel, purpose, granted, at FROM person_consent WHERE person_id = ANY($1::uuid[]) ORDER BY at",
        list(person_ids),
    )


async def save_consents(unit: Transaction, rows: list[dict[str, Any]]) -> None:
    """The last word counts; one that comes late does not undo it."""
    await unit.insert(
        models.PersonConsent,
        rows,
        "ON CONFLICT (person_id, channel, purpose) DO UPDATE SET granted = excluded.granted, at = excluded.at "
        "WHERE person_consent.at <= excluded.at",
    )


async def move_consents(unit: Transaction, person_id: UUID, into: UUID) -> None:
    """Two were one all along: of what either said the stricter counts."""
    await unit.execute(
        "WITH gone AS (DELETE FROM person_consent WHERE person_id = $1 RETURNING *) "
        "INSERT INTO person_consent AS c (person_id, channel, purpose, granted, at) "
        "SELECT $2, channel, purpose, granted, at FROM gone "
        "ON CONFLICT (person_id, channel, purpose) DO UPDATE SET granted = c.granted AND excluded.granted, "
        "at = greatest(c.at, excluded.at)",
        person_id,
        into,
    )


async def forget_person(unit: Transaction, person_id: UUID) -> None:
    await unit.execute("DELETE FROM person_consent WHERE person_id = $1", person_id)
    await unit.execute("DELETE FROM person_heir WHERE person_id = $1 OR into_id = $1", person_id)


async def remember_heir(unit: Transaction, person_id: UUID, into: UUID) -> None:
    rows = [{"person_id": person_id, "into_id": into}]
    await unit.insert(models.PersonHeir, rows, "ON CONFLICT (person_id) DO UPDATE SET into_id = excluded.into_id")


async def heirs(unit: Transaction, person_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Of those who turned out to be others who they are now; the rest are left out."""
    rows = await unit.fetch(
        "WITH RECURSIVE chain AS (SELECT person_id, into_id, 1 AS n FROM person_heir WHERE person_id = ANY($1::uuid[]) "
        "UNION ALL SELECT c.person_id, h.into_id, n + 1 FROM chain c JOIN person_heir h ON h.person_id = c.into_id WHERE n < 10) "
        "SELECT DISTINCT ON (person_id) person_id, into_id FROM chain ORDER BY person_id, n DESC",
        list(person_ids),
    )
    return {row["person_id"]: row["into_id"] for row in rows}


async def open_leads(unit: Transaction, rep_id: UUID) -> Rows:
    """A rep's own leads, what must be answered first on top."""
    return await unit.fetch(
        "SELECT a.id AS assignment_id, a.state, a.expires_at, a.touch_by, l.state AS lead_state, l.tier, "  # noqa: S608
        "l.snapshot->'contact'->>'first_name' AS first_name, l.snapshot->'contact'->>'last_name' AS last_name, "
        f"l.snapshot->>'selection' AS selection FROM assignment a JOIN lead l ON l.id = a.lead_id "
        f"WHERE a.rep_id = $1 AND a.{models.ACTIVE} ORDER BY (a.state = 'offered') DESC, a.expires_at LIMIT 200",
        rep_id,
    )
