"""Pools, whose row is the lock, and the credits of their reps."""

from collections.abc import Sequence

from services.handoff import models
from services.handoff.domain.routing import Candidate
from shared.database import Transaction


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
