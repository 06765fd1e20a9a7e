"""Pools, whose rows are the locks, their people as they are now, and the credits."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from services.handoff import models
from shared.database import Rows, Transaction

_STATIC = (
    "r.id::text AS id, r.name, r.state, r.paused_until, r.skills, r.languages, r.licences, r.territories, r.zone, r.hours, "
    "r.holidays, r.max_open, r.max_per_day, r.manager, r.on_call, (SELECT jsonb_agg(jsonb_build_array(t.starts_at, t.ends_at) "
    "ORDER BY t.starts_at) FROM time_off t WHERE t.rep_id = r.id AND t.ends_at > $1) AS off"
)
_PLAIN = {"state": "active", "zone": "", "holidays": ""}  # what a roster leaves out


async def lock_pools(unit: Transaction, names: Iterable[str]) -> dict[str, int]:
    """Take pools, in order of their names: until the commit nobody else decides in them. Returns their turns."""
    rows = await unit.fetch(
        "INSERT INTO pool (name, turn) SELECT n, 0 FROM unnest($1::text[]) n ORDER BY n "
        "ON CONFLICT (name) DO UPDATE SET turn = pool.turn RETURNING name, turn",
        sorted(set(names)),
    )
    return {row["name"]: row["turn"] for row in rows}


async def members(unit: Transaction, everyone: Sequence[str], others: Sequence[str], now: datetime) -> Rows:
    """The reps of pools as they are now: one added or paused counts from the next decision."""
    standing = "coalesce(m.weight, 1) AS weight, coalesce(m.credit, 0) AS credit, coalesce(m.last_turn, 0) AS last_turn"
    return await unit.fetch(
        f"SELECT p.name AS pool, {_STATIC}, {standing} FROM unnest($2::text[]) AS p(name) CROSS JOIN rep r "  # noqa: S608
        "LEFT JOIN pool_member m ON m.rep_id = r.id AND m.pool = p.name WHERE r.state <> 'left' OR m.credit <> 0 "
        f"UNION ALL SELECT m.pool, {_STATIC}, m.weight, m.credit, m.last_turn FROM pool_member m JOIN rep r ON r.id = m.rep_id "
        "WHERE m.pool = ANY($3::text[]) AND (r.state <> 'left' OR m.credit <> 0) ORDER BY pool, id",
        now,
        everyone,
        others,
    )


def roster_row(row: Any) -> dict[str, Any]:
    """What a roster says of a member, without what is not set: plain JSON, the same for the same facts."""
    found: dict[str, Any] = {"id": row["id"], "name": row["name"]}
    for name in ("state", "zone", "holidays", "skills", "languages", "licences", "territories", "hours", "manager", "on_call"):
        if row[name] and row[name] != _PLAIN.get(name):
            found[name] = row[name]
    for name in ("max_open", "max_per_day", "off"):
        if row[name] is not None:
            found[name] = row[name]
    if row["paused_until"] is not None:
        found["paused_until"] = row["paused_until"].isoformat()
    if row.get("weight", 1) != 1:
        found["weight"] = row["weight"]
    return found


async def owners(unit: Transaction, persons: Sequence[UUID], since: datetime, now: datetime, leads: Sequence[UUID]) -> Rows:
    """Who knows these persons: the rep of their last lead that was accepted, is open or was won, and its pool."""
    return await unit.fetch(
        f"SELECT k.person_id, k.pool, {_STATIC} FROM (SELECT DISTINCT ON (l.person_id) l.person_id, l.owner_id, "  # noqa: S608
        "(SELECT a.decision->>'pool' FROM assignment a WHERE a.lead_id = l.id ORDER BY a.attempt DESC LIMIT 1) AS pool "
        "FROM lead l WHERE l.person_id = ANY($2::uuid[]) AND l.id <> ALL($4::uuid[]) AND l.updated_at >= $3 AND l.owner_id "
        "IS NOT NULL AND l.state = ANY($5::text[]) ORDER BY l.person_id, l.updated_at DESC) k JOIN rep r ON r.id = k.owner_id",
        now,
        persons,
        since,
        leads,
        ["offered", "accepted", "contacted", "sales_qualified", "proposed", "won"],
    )


async def lock_limited(unit: Transaction, rep_ids: Sequence[str]) -> None:
    """Those with a limit may share several pools: nobody else gives them a lead meanwhile."""
    await unit.execute("SELECT 1 FROM rep WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE", rep_ids)


async def open_leads(unit: Transaction, rep_ids: Sequence[str]) -> dict[str, int]:
    rows = await unit.fetch(
        f"SELECT rep_id::text AS id, count(*) AS n FROM assignment WHERE rep_id = ANY($1::uuid[]) AND {models.ACTIVE} "  # noqa: S608
        "GROUP BY 1",
        rep_ids,
    )
    return {row["id"]: row["n"] for row in rows}


async def offered_since(unit: Transaction, days: Mapping[str, datetime]) -> dict[str, int]:
    """How many leads each rep got and did not give back since their day began.

    Ids of assignments rise with time, so the index knows where to start.
    """
    rows = await unit.fetch(
        "SELECT n.id::text AS id, count(*) AS n FROM unnest($1::uuid[], $2::timestamptz[]) AS n(id, began) "
        "JOIN assignment a ON a.rep_id = n.id AND a.offered_at >= n.began WHERE a.id >= $3 "
        "AND a.state NOT IN ('declined', 'expired', 'withdrawn') GROUP BY 1",
        list(days),
        list(days.values()),
        UUID(int=int(min(days.values()).timestamp() * 1000) << 80),  # a UUIDv7 begins with its time
    )
    return {row["id"]: row["n"] for row in rows}


@dataclass(slots=True)
class Around:
    """What a batch must know of its pools beside their people: refunds, whose leads wait, rosters that are kept already."""

    refunds: list[tuple[str, str]] = field(default_factory=list)  # pool, rep
    with_held: set[str] = field(default_factory=set)
    rosters: set[str] = field(default_factory=set)


async def look_around(unit: Transaction, turns: Mapping[str, int], rosters: Iterable[str]) -> Around:
    """All in one round trip, for others wait for these pools. What is to be given back is marked as booked."""
    rows = await unit.fetch(
        "WITH booked AS (UPDATE refund f SET booked_turn = p.turn FROM unnest($1::text[], $2::bigint[]) AS p(name, turn) "
        "WHERE f.pool = p.name AND f.booked_turn IS NULL RETURNING f.pool, f.rep_id::text AS rep_id) "
        "SELECT 'refund' AS what, pool AS name, rep_id FROM booked "
        "UNION ALL SELECT 'held', n, NULL FROM unnest($1::text[]) AS n "
        "WHERE EXISTS (SELECT 1 FROM lead WHERE state = 'held' AND held_in = n) "
        "UNION ALL SELECT 'roster', hash, NULL FROM roster WHERE hash = ANY($3::text[])",
        list(turns),
        list(turns.values()),
        list(rosters),
    )
    found = Around()
    for row in rows:
        if row["what"] == "refund":
            found.refunds.append((row["name"], row["rep_id"]))
        else:
            (found.with_held if row["what"] == "held" else found.rosters).add(row["name"])
    return found


async def ask_refund(unit: Transaction, assignment: Any, reason: str, now: datetime) -> None:
    """The pool's next decision gives the turn back; asked twice it is given once."""
    if not assignment["pool"]:
        return
    row = {
        "assignment_id": assignment["id"],
        "pool": assignment["pool"],
        "rep_id": assignment["rep_id"],
        "reason": reason,
        "at": now,
    }
    await unit.insert(models.Refund, [row], "ON CONFLICT DO NOTHING")


async def save_turns(unit: Transaction, turns: Mapping[str, int]) -> None:
    await unit.write(
        "UPDATE pool p SET turn = n.turn FROM json_to_recordset($1::json) AS n(name text, turn bigint) WHERE p.name = n.name",
        [{"name": name, "turn": turn} for name, turn in turns.items()],
    )


async def save_credits(unit: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    await unit.insert(
        models.PoolMember,
        rows,
        "ON CONFLICT (pool, rep_id) DO UPDATE SET credit = excluded.credit, last_turn = excluded.last_turn",
    )


async def join_everyone(unit: Transaction, pools: Sequence[str]) -> None:
    """Every rep has a place in the pools that say everyone; who is in already keeps weight and credit."""
    await unit.execute(
        "INSERT INTO pool_member (pool, rep_id, weight, credit, last_turn) SELECT p, r.id, 1, 0, 0 FROM unnest($1::text[]) p "
        "CROSS JOIN rep r WHERE r.state <> 'left' ON CONFLICT DO NOTHING",
        pools,
    )


async def sums(unit: Transaction) -> dict[str, int]:
    """The credits of each pool, added up: zero, always."""
    rows = await unit.fetch("SELECT pool, sum(credit)::bigint AS credits FROM pool_member GROUP BY pool")
    return {row["pool"]: row["credits"] for row in rows}


async def keep_rosters(unit: Transaction, rosters: Mapping[str, tuple[str, list[dict[str, Any]]]], now: datetime) -> None:
    """`rosters` by hash: the name of the pool, and who is there."""
    rows = [{"hash": key, "pool": pool, "at": now, "reps": reps} for key, (pool, reps) in sorted(rosters.items())]
    await unit.insert(models.Roster, rows, "ON CONFLICT DO NOTHING")


async def rosters(unit: Transaction, hashes: Iterable[str]) -> dict[str, Any]:
    rows = await unit.fetch("SELECT hash, reps FROM roster WHERE hash = ANY($1::text[])", list(hashes))
    return {row["hash"]: row["reps"] for row in rows}
