"""The pools of a batch, locked, with their people as they are now; and what the batch changed in them."""

from collections.abc import Collection, Iterable
from datetime import datetime, time
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from services.handoff import store
from services.handoff.domain.credit import Load, Member, refund, settle_leavers
from services.handoff.domain.people import Rep, rep_from_row
from services.handoff.domain.policy import Policy
from services.handoff.domain.replay import roster_hash
from services.handoff.domain.team import Team
from shared.database import Transaction


class Floor:
    """Enter, decide, leave: between the two nobody else decides in these pools."""

    def __init__(self, teams: dict[str, Team], everybody: dict[str, list[Member]], with_held: set[str]) -> None:
        self.teams, self.with_held, self._everybody = teams, with_held, everybody
        self._loaded = {(name, one.rep.id): (one.credit, one.last_turn) for name, members in everybody.items() for one in members}
        self._turns = {name: team.turn for name, team in teams.items()}

    async def leave(self, unit: Transaction) -> None:
        """Write back what changed. A decision moves credit, it makes none: else nothing is written."""
        rows = [
            {"pool": name, "rep_id": one.rep.id, "weight": one.rep.weight, "credit": one.credit, "last_turn": one.last_turn}
            for name, members in self._everybody.items()
            for one in members
            if (one.credit, one.last_turn) != self._loaded[name, one.rep.id]
        ]
        for name, members in self._everybody.items():
            made = sum(one.credit - self._loaded[name, one.rep.id][0] for one in members)
            if made:
                raise AssertionError(f"{made} units of credit would be made in the pool {name}")
        turns = {name: team.turn for name, team in self.teams.items() if team.turn != self._turns[name]}
        if turns:
            await store.pools.save_turns(unit, turns)
        await store.pools.save_credits(unit, rows)


async def enter(unit: Transaction, policy: Policy, pools: Iterable[str], now: datetime) -> Floor:
    """Lock pools, book what is to be given back, and see who is there."""
    turns = await store.pools.lock_pools(unit, pools)
    everyone = [name for name in turns if policy.pools[name].everyone]
    rows = await store.pools.members(unit, everyone, [name for name in turns if name not in everyone], now)
    loads: dict[str, Load] = {}
    everybody: dict[str, list[Member]] = {name: [] for name in turns}
    staying: dict[str, list[dict[str, Any]]] = {name: [] for name in turns}
    for row in rows:
        plain, name = store.pools.roster_row(row), row["pool"]
        rep = _rep(orjson.dumps(plain), policy, name)
        everybody[name].append(Member(rep, row["credit"], row["last_turn"], loads.setdefault(rep.id, Load())))
        if rep.state != "left":
            staying[name].append(plain)
    await _count_loads(unit, [one for members in everybody.values() for one in members], now)
    teams = {
        name: Team(policy.pools[name], [one for one in members if one.rep.state != "left"], now, turns[name])
        for name, members in everybody.items()
    }
    rosters = _rosters(teams, staying)
    around = await store.pools.look_around(unit, turns, rosters)
    await store.pools.keep_rosters(unit, {key: one for key, one in rosters.items() if key not in around.rosters}, now)
    floor = Floor(teams, everybody, around.with_held)
    for pool, rep_id in around.refunds:
        refund(everybody[pool], rep_id)
    for members in everybody.values():
        settle_leavers(members)
    return floor


async def _count_loads(unit: Transaction, members: list[Member], now: datetime) -> None:
    """Only who has a limit is counted, under a lock of their own: they may share several pools."""
    limited = {one.rep.id: one for one in members if one.rep.max_open is not None or one.rep.max_per_day is not None}
    if not limited:
        return
    await store.pools.lock_limited(unit, sorted(limited))
    for rep_id, count in (await store.pools.open_leads(unit, sorted(limited))).items():
        limited[rep_id].load.open = count
    for rep_id, count in (await store.pools.offered_since(unit, _days(limited.values(), now))).items():
        limited[rep_id].load.today = count


def _days(members: Collection[Member], now: datetime) -> dict[str, datetime]:
    """When the day of each began, by their own clock."""
    zones = {zone: ZoneInfo(zone) for zone in {one.rep.zone for one in members}}
    began = {name: datetime.combine(now.astimezone(zone), time.min, zone) for name, zone in zones.items()}
    return {one.rep.id: began[one.rep.zone] for one in members}


def _rosters(teams: dict[str, Team], rows: dict[str, list[dict[str, Any]]]) -> dict[str, tuple[str, list[dict[str, Any]]]]:
    """By hash, which every decision names."""
    found: dict[str, tuple[str, list[dict[str, Any]]]] = {}
    for name, team in teams.items():
        team.roster = _roster(orjson.dumps(rows[name]))
        found[team.roster] = (name, rows[name])
    return found


# Who is there changes seldom, and is read for every batch: what a row says is worked out once.
@lru_cache(maxsize=4096)
def _rep(says: bytes, policy: Policy, pool: str) -> Rep:
    return rep_from_row(orjson.loads(says), policy, policy.pools[pool])


@lru_cache(maxsize=512)
def _roster(says: bytes) -> str:
    return roster_hash(orjson.loads(says))
