"""Every query of handoff."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.handoff import models
from services.handoff.domain.routing import Candidate
from shared.database import Rows, Transaction


async def current_agreement(unit: Transaction) -> Any:
    return await unit.row("SELECT * FROM agreement ORDER BY at DESC LIMIT 1")


async def insert_leads(unit: Transaction, leads: list[dict[str, Any]]) -> set[UUID]:
    """Store leads; returns those that were new. An erased or merged one is not revived."""
    rows = await unit.insert(models.Lead, leads, "ON CONFLICT (id) DO NOTHING RETURNING id")
    return {row["id"] for row in rows}


async def lock_pool(unit: Transaction, name: str) -> int:
    """Take the pool: until the commit nobody else decides in it. Returns the number of its last decision."""
    return int(
        await unit.value(
            "INSERT INTO pool (name, turn) VALUES ($1, 0) ON CONFLICT (name) DO UPDATE SET turn = pool.turn RETURNING turn",
            name,
        )
    )


async def candidates(unit: Transaction, pool: str, *, everyone: bool) -> list[Candidate]:
    """The pool's reps as they are now: one added or paused counts from the next decision."""
    rows = await unit.fetch(
        "SELECT r.id AS rep_id, r.name, r.state, coalesce(m.weight, 1) AS weight, coalesce(m.credit, 0) AS credit, "
        "coalesce(m.last_turn, 0) AS last_turn FROM rep r LEFT JOIN pool_member m ON m.rep_id = r.id AND m.pool = $1 "
        "WHERE r.state <> 'left' AND ($2 OR m.rep_id IS NOT NULL) ORDER BY r.id",
        pool,
        everyone,
    )
    return [Candidate(**row) for row in rows]


async def save_credits(unit: Transaction, pool: str, turn: int, after: Sequence[Candidate]) -> None:
    await unit.execute("UPDATE pool SET turn = $2 WHERE name = $1", pool, turn)
    rows = [
        {"pool": pool, "rep_id": one.rep_id, "weight": one.weight, "credit": one.credit, "last_turn": one.last_turn}
        for one in after
    ]
    await unit.insert(
        models.PoolMember,
        rows,
        "ON CONFLICT (pool, rep_id) DO UPDATE SET credit = excluded.credit, last_turn = excluded.last_turn",
    )


async def set_lead_states(unit: Transaction, rows: Sequence[tuple[UUID, str, UUID | None, int]], now: datetime) -> None:
    """State, owner and attempt of several leads."""
    await unit.execute(
        "UPDATE lead l SET state = n.state, owner_id = n.owner, attempt = n.attempt, updated_at = $5 "
        "FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::int[]) AS n(id, state, owner, attempt) WHERE l.id = n.id",
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
        [row[3] for row in rows],
        now,
    )


async def lock_lead(unit: Transaction, lead_id: UUID) -> Any:
    """The lead, locked; for a merged one its survivor."""
    for _ in range(10):
        lead = await unit.row("SELECT * FROM lead WHERE id = $1 FOR UPDATE", lead_id)
        if lead is None or lead["merged_into"] is None:
            return lead
        lead_id = lead["merged_into"]
    return lead


async def tried_reps(unit: Transaction, lead_id: UUID) -> frozenset[UUID]:
    return frozenset(row["rep_id"] for row in await unit.fetch("SELECT rep_id FROM assignment WHERE lead_id = $1", lead_id))


async def active_assignment(unit: Transaction, lead_id: UUID) -> Any:
    return await unit.row(f"SELECT * FROM assignment WHERE lead_id = $1 AND {models.ACTIVE}", lead_id)  # noqa: S608


async def assignment(unit: Transaction, assignment_id: UUID) -> Any:
    return await unit.row("SELECT * FROM assignment WHERE id = $1", assignment_id)


async def set_assignment_state(unit: Transaction, assignment_id: UUID, state: str, reason: str = "") -> None:
    await unit.execute("UPDATE assignment SET state = $2, reason = $3 WHERE id = $1", assignment_id, state, reason)


async def set_lead_state(unit: Transaction, lead_id: UUID, state: str, now: datetime) -> None:
    await unit.execute("UPDATE lead SET state = $2, updated_at = $3 WHERE id = $1", lead_id, state, now)


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


async def claim_timers(unit: Transaction, now: datetime, limit: int = 100) -> Rows:
    """Due timers, taken away in this transaction: another replica skips them, a crash leaves them."""
    return await unit.fetch(
        "DELETE FROM timer WHERE id = ANY(ARRAY(SELECT id FROM timer WHERE due_at <= $1 ORDER BY due_at, id "
        "LIMIT $2 FOR UPDATE SKIP LOCKED)) RETURNING kind, lead_id, assignment_id",
        now,
        limit,
    )


async def journey(unit: Transaction, lead_id: UUID) -> Rows:
    return await unit.fetch("SELECT type, at, source, data FROM fact WHERE lead_id = $1 ORDER BY at, event_id", lead_id)


async def take_early_events(unit: Transaction, lead_ids: Sequence[UUID]) -> Rows:
    return await unit.fetch(
        "WITH gone AS (DELETE FROM early_event WHERE lead_id = ANY($1::uuid[]) RETURNING *) SELECT * FROM gone ORDER BY id",
        lead_ids,
    )


async def unpublished_jobs(unit: Transaction, lead_id: UUID) -> Rows:
    return await unit.fetch(
        "UPDATE job SET published = TRUE WHERE lead_id = $1 AND NOT published RETURNING job_id, trade, completed_on",
        lead_id,
    )


async def reps(unit: Transaction) -> Rows:
    return await unit.fetch(
        "SELECT r.id, r.name, r.email, r.state, coalesce(jsonb_object_agg(m.pool, m.weight) FILTER (WHERE m.pool IS NOT NULL), "
        "'{}') AS pools FROM rep r LEFT JOIN pool_member m ON m.rep_id = r.id GROUP BY r.id ORDER BY r.created_at, r.id"
    )


async def scoreboard(unit: Transaction, since: datetime, until: datetime) -> Rows:
    return await unit.fetch(
        "SELECT type, count(*) AS n, count(DISTINCT lead_id) AS leads FROM fact WHERE at >= $1 AND at < $2 "
        "AND NOT coalesce((data->>'test')::bool, FALSE) GROUP BY type",
        since,
        until,
    )


async def revenue(unit: Transaction, since: datetime, until: datetime) -> Rows:
    return await unit.fetch(
        "SELECT data->>'currency' AS currency, sum((data->>'amount')::numeric)::text AS amount FROM fact "
        "WHERE type = 'leadhandoff.lead.won.v1' AND at >= $1 AND at < $2 GROUP BY 1 ORDER BY 1",
        since,
        until,
    )


async def lead(unit: Transaction, lead_id: UUID) -> Any:
    return await unit.row("SELECT * FROM lead WHERE id = $1", lead_id)


async def assignments_of(unit: Transaction, lead_id: UUID) -> Rows:
    """Every assignment of a lead, the latest first."""
    return await unit.fetch("SELECT * FROM assignment WHERE lead_id = $1 ORDER BY attempt DESC", lead_id)


async def lock_this_lead(unit: Transaction, lead_id: UUID) -> Any:
    """The lead itself, locked, even where it was merged into another."""
    return await unit.row("SELECT * FROM lead WHERE id = $1 FOR UPDATE", lead_id)


async def merge_lead(unit: Transaction, lead_id: UUID, into: UUID) -> None:
    await unit.execute("UPDATE lead SET state = 'merged', merged_into = $2 WHERE id = $1", lead_id, into)


async def has_rep_not_tried(unit: Transaction, tried: frozenset[UUID]) -> bool:
    query = "SELECT EXISTS (SELECT 1 FROM rep WHERE state = 'active' AND id <> ALL($1::uuid[]))"
    return bool(await unit.value(query, list(tried)))


async def set_rep_state(unit: Transaction, rep_id: UUID, state: str) -> str | None:
    """Returns the rep's name, or None where there is no such rep."""
    found = await unit.value("UPDATE rep SET state = $2 WHERE id = $1 RETURNING name", rep_id, state)
    return None if found is None else str(found)


async def decisions(unit: Transaction) -> Rows:
    return await unit.fetch("SELECT id, decision FROM assignment")


async def lock_seeding(unit: Transaction) -> None:
    """Replicas that start together on an empty installation take turns."""
    await unit.execute("SELECT pg_advisory_xact_lock(hashtextextended('seed', 0))")


async def note_published(unit: Transaction, agreement_hash: str, now: datetime) -> None:
    await unit.execute("UPDATE agreement SET published_at = $2 WHERE hash = $1", agreement_hash, now)
