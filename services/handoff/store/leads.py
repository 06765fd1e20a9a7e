"""Leads, and what was reported of them before we knew them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.handoff import models
from shared.database import Rows, Transaction

ROUTED = """
UPDATE lead l SET state = n.state, owner_id = n.owner_id, attempt = n.attempt, held_since = n.held_since,
  held_in = coalesce(n.held_in, ''), updated_at = n.updated_at
FROM json_to_recordset($1::json) AS n(id uuid, state text, owner_id uuid, attempt int, held_since timestamptz, held_in text,
  updated_at timestamptz) WHERE l.id = n.id"""


async def insert_leads(unit: Transaction, leads: list[dict[str, Any]]) -> dict[UUID, bool]:
    """Store leads; returns those that were new, and whether something was reported of them already.

    An erased or merged one is not revived.
    """
    early = "EXISTS (SELECT 1 FROM early_event e WHERE e.lead_id = lead.id)"
    rows = await unit.insert(models.Lead, leads, f"ON CONFLICT (id) DO NOTHING RETURNING id, {early} AS early", apart="snapshot")
    return {row["id"]: row["early"] for row in rows}


async def save_routed(unit: Transaction, rows: Sequence[dict[str, Any]], now: datetime) -> None:
    """What routing made of several leads."""
    await unit.write(ROUTED, [row | {"updated_at": now} for row in rows])


async def take_held(unit: Transaction, pools: Sequence[str], limit: int) -> Rows:
    """The leads that wait longest in these pools. Those somebody else is busy with are left alone."""
    return await unit.fetch(
        "SELECT * FROM lead WHERE state = 'held' AND held_in = ANY($1::text[]) ORDER BY qualified_at, id LIMIT $2 "
        "FOR UPDATE SKIP LOCKED",
        pools,
        limit,
    )


async def held_back(unit: Transaction, persons: Collection[UUID]) -> list[UUID]:
    """The leads of these persons that nobody may be given: they are held in no pool."""
    if not persons:
        return []
    query = "SELECT id FROM lead WHERE person_id = ANY($1::uuid[]) AND state = 'held' AND held_in = '' ORDER BY id"
    return [row["id"] for row in await unit.fetch(query, list(persons))]


async def held(unit: Transaction) -> tuple[int, datetime | None]:
    """How many leads wait for a rep, and since when the oldest does."""
    row = await unit.row("SELECT count(*) AS n, min(held_since) AS oldest FROM lead WHERE state = 'held'")
    return row["n"], row["oldest"]


async def lock_leads(unit: Transaction, lead_ids: Sequence[UUID]) -> Rows:
    """Leads as they are now, locked, in one order: the ones that were merged or erased meanwhile too."""
    return await unit.fetch("SELECT * FROM lead WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE", lead_ids)


async def peek(unit: Transaction, lead_ids: Sequence[UUID]) -> Rows:
    """Leads as they are, not locked: to find out which pools to lock first."""
    return await unit.fetch("SELECT * FROM lead WHERE id = ANY($1::uuid[])", lead_ids)


async def set_lead_state(unit: Transaction, lead_id: UUID, state: str, now: datetime) -> None:
    await unit.execute("UPDATE lead SET state = $2, updated_at = $3 WHERE id = $1", lead_id, state, now)


async def recorded(unit: Transaction, since: datetime) -> Rows:
    """Leads as they came, oldest first, with when they were closed; without tests and without the erased."""
    return await unit.fetch(
        "SELECT id, person_id, snapshot, tier, qualified_at, CASE WHEN state IN ('won', 'lost', 'recycled', 'disqualified') "
        "THEN updated_at END AS closed_at FROM lead WHERE qualified_at >= $1 AND NOT test AND state NOT IN ('erased', 'merged') "
        "ORDER BY qualified_at, id",
        since,
    )


async def lock_lead(unit: Transaction, lead_id: UUID) -> Any:
    """The lead, locked; for a merged one its survivor."""
    for _ in range(10):
        lead = await unit.row("SELECT * FROM lead WHERE id = $1 FOR UPDATE", lead_id)
        if lead is None or lead["merged_into"] is None:
            return lead
        lead_id = lead["merged_into"]
    return lead


async def lock_this_lead(unit: Transaction, lead_id: UUID) -> Any:
    """The lead itself, locked, even where it was merged into another."""
    return await unit.row("SELECT * FROM lead WHERE id = $1 FOR UPDATE", lead_id)


async def save_snapshots(unit: Transaction, snapshots: Mapping[UUID, dict[str, Any]]) -> None:
    query = "UPDATE lead l SET snapshot = n.snapshot FROM unnest($1::uuid[], $2::jsonb[]) AS n(id, snapshot) WHERE l.id = n.id"
    await unit.execute(query, list(snapshots), list(snapshots.values()))


async def merge_lead(unit: Transaction, lead_id: UUID, into: UUID) -> None:
    """What was closed stays as it was: whoever has the survivor reads what became of it."""
    state = "CASE WHEN state IN ('won', 'lost', 'recycled', 'disqualified') THEN state ELSE 'merged' END"
    await unit.execute(f"UPDATE lead SET state = {state}, merged_into = $2 WHERE id = $1", lead_id, into)  # noqa: S608


async def lead(unit: Transaction, lead_id: UUID) -> Any:
    return await unit.row("SELECT * FROM lead WHERE id = $1", lead_id)


async def survivor_of(unit: Transaction, lead_id: UUID) -> UUID:
    """The lead itself, or the one it was merged into, known or not."""
    query = (
        "WITH RECURSIVE chain AS (SELECT $1::uuid AS id, 0 AS n UNION ALL SELECT l.merged_into, n + 1 FROM chain c "
        "JOIN lead l ON l.id = c.id WHERE l.merged_into IS NOT NULL AND n < 10) SELECT id FROM chain ORDER BY n DESC LIMIT 1"
    )
    return UUID(str(await unit.value(query, lead_id)))


async def set_person(unit: Transaction, lead_id: UUID, person_id: UUID) -> None:
    await unit.execute("UPDATE lead SET person_id = $2 WHERE id = $1", lead_id, person_id)


async def count_jobs(unit: Transaction, lead_id: UUID) -> int:
    return int(await unit.value("SELECT count(*) FROM job WHERE lead_id = $1", lead_id))


async def job(unit: Transaction, lead_id: UUID, job_id: str) -> Any:
    return await unit.row("SELECT * FROM job WHERE lead_id = $1 AND job_id = $2", lead_id, job_id)


async def move_jobs(unit: Transaction, lead_id: UUID, survivor: UUID) -> None:
    """Those that wait for the sale."""
    await unit.execute(
        "UPDATE job SET lead_id = $2 WHERE lead_id = $1 AND NOT published "
        "AND job_id NOT IN (SELECT job_id FROM job WHERE lead_id = $2)",
        lead_id,
        survivor,
    )


async def unpublished_jobs(unit: Transaction, lead_id: UUID) -> Rows:
    return await unit.fetch(
        "UPDATE job SET published = TRUE WHERE lead_id = $1 AND NOT published RETURNING job_id, trade, outcome, completed_on",
        lead_id,
    )
