"""The reps: who they are, when they work, which pools they share."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from services.handoff import models
from services.handoff.store.pools import lock_pools
from shared.database import Rows, Transaction

_REP = """
SELECT r.*,
  coalesce((SELECT jsonb_object_agg(m.pool, m.weight) FROM pool_member m WHERE m.rep_id = r.id), '{}') AS pools,
  coalesce((SELECT jsonb_agg(jsonb_build_object('starts_at', t.starts_at, 'ends_at', t.ends_at, 'reason', t.reason)
    ORDER BY t.starts_at) FROM time_off t WHERE t.rep_id = r.id), '[]') AS away,
  (SELECT count(*) FROM assignment a WHERE a.rep_id = r.id AND a.state IN ('offered', 'accepted', 'active')) AS open_leads
FROM rep r"""


async def reps(unit: Transaction) -> Rows:
    return await unit.fetch(f"{_REP} ORDER BY r.created_at, r.id")


async def reps_after(unit: Transaction, after: UUID | None, limit: int) -> Rows:
    return await unit.fetch(f"{_REP} WHERE $1::uuid IS NULL OR r.id > $1 ORDER BY r.id LIMIT $2", after, limit)


async def rep(unit: Transaction, rep_id: UUID) -> Any:
    return await unit.row(f"{_REP} WHERE r.id = $1", rep_id)


async def names(unit: Transaction) -> dict[str, str]:
    return {str(row["id"]): row["name"] for row in await unit.fetch("SELECT id, name FROM rep")}


async def lock(unit: Transaction, rep_id: UUID) -> Any:
    return await unit.row("SELECT * FROM rep WHERE id = $1 FOR UPDATE", rep_id)


async def keep(unit: Transaction, rep_id: UUID) -> Any:
    """The rep, who cannot leave before this transaction ends."""
    return await unit.row("SELECT * FROM rep WHERE id = $1 FOR KEY SHARE", rep_id)


async def by_email(unit: Transaction, email: str) -> Any:
    """Locked, whatever case the address was written in."""
    return await unit.row("SELECT * FROM rep WHERE lower(email) = lower($1) FOR UPDATE", email)


async def update(unit: Transaction, rep_id: UUID, changes: Mapping[str, Any]) -> None:
    if changes:
        columns = ", ".join(f"{name} = n.{name}" for name in changes)
        await unit.execute(
            f"UPDATE rep r SET {columns} FROM json_populate_record(NULL::rep, $2::json) AS n WHERE r.id = $1",  # noqa: S608  own names
            rep_id,
            orjson.dumps(dict(changes)).decode(),
        )


async def set_weights(unit: Transaction, rep_id: UUID, weights: Mapping[str, int]) -> bool:
    """Under the pools' locks: no decision sees half of it. Whether any was another before. No row is ever deleted."""
    if not weights:
        return False
    await lock_pools(unit, weights)
    rows = [{"pool": pool, "rep_id": rep_id, "weight": weight, "credit": 0, "last_turn": 0} for pool, weight in weights.items()]
    changed = await unit.insert(
        models.PoolMember,
        rows,
        "ON CONFLICT (pool, rep_id) DO UPDATE SET weight = excluded.weight "
        "WHERE pool_member.weight <> excluded.weight RETURNING 1",
    )
    return bool(changed)


async def set_time_off(unit: Transaction, rep_id: UUID, rows: list[dict[str, Any]]) -> bool:
    """Exactly these times. Whether they were others before."""
    query = "DELETE FROM time_off WHERE rep_id = $1 RETURNING starts_at, ends_at, reason"
    before = {(row["starts_at"], row["ends_at"], row["reason"]) for row in await unit.fetch(query, rep_id)}
    added = await unit.insert(models.TimeOff, rows, "RETURNING starts_at, ends_at, reason")
    return before != {(row["starts_at"], row["ends_at"], row["reason"]) for row in added}


async def open_leads(unit: Transaction, rep_id: UUID, limit: int) -> list[UUID]:
    query = f"SELECT lead_id FROM assignment WHERE rep_id = $1 AND {models.ACTIVE} ORDER BY id LIMIT $2"  # noqa: S608
    return [row["lead_id"] for row in await unit.fetch(query, rep_id, limit)]


async def revoke_keys(unit: Transaction, rep_id: UUID, now: datetime) -> None:
    await unit.execute("UPDATE api_key SET revoked_at = $2 WHERE rep_id = $1 AND revoked_at IS NULL", rep_id, now)
