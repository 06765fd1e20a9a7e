"""What would have happened to the leads of the last days under another agreement, beside the one in force."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.handoff import store
from services.handoff.domain.simulation import Recorded, Simulated, Simulation
from services.handoff.use_cases.lint import Rosters, people_of
from services.handoff.use_cases.policy import policy_of
from shared.database import Transaction


@dataclass(frozen=True, slots=True)
class Comparison:
    leads: int
    now: Simulated
    then: Simulated
    moved: int
    moves: Sequence[tuple[UUID, str | None, str | None]]


@dataclass(frozen=True, slots=True)
class Gathered:
    """`versions`: the agreement in force and the other, each with who would be in its pools."""

    leads: Sequence[Recorded]
    versions: Sequence[tuple[str, Rosters]]
    until: datetime


async def gather(unit: Transaction, text: str, days: int, now: datetime) -> Gathered:
    """What both runs need, so that no transaction waits for them. Erased leads are not there any more."""
    since = now - timedelta(days=days)
    leads = [_recorded(row) for row in await store.leads.recorded(unit, since)]
    current = (await store.agreements.newest(unit))["text"]
    return Gathered(leads, [(version, await people_of(unit, version, since)) for version in (current, text)], now)


def compare(found: Gathered) -> tuple[Comparison, dict[str, str]]:
    """Both runs, and the names of reps."""
    runs = [Simulation(policy_of(version), people).run(found.leads, found.until) for version, people in found.versions]
    names = {row["id"]: row["name"] for _, people in found.versions for rows in people.values() for row in rows}
    picks = [(one.id, runs[0].picks.get(one.id), runs[1].picks.get(one.id)) for one in found.leads]
    moves = [move for move in picks if move[1] != move[2]]
    return Comparison(len(found.leads), runs[0], runs[1], len(moves), moves[:20]), _told_apart(names)


def _told_apart(names: dict[str, str]) -> dict[str, str]:
    """Two reps of one name are told apart by their ids."""
    several = Counter(names.values())
    return {rep_id: name if several[name] == 1 else f"{name} ({rep_id})" for rep_id, name in names.items()}


def _recorded(row: Any) -> Recorded:
    return Recorded(row["id"], row["person_id"], row["snapshot"], row["tier"], row["qualified_at"], row["closed_at"])


def report(found: Comparison, names: dict[str, str]) -> list[str]:
    """The comparison in lines."""
    before, after = found.now, found.then
    loads = ({names[rep]: count for rep, count in one.load.items()} for one in (before, after))
    debts = ({pool: round(debt, 2) for pool, debt in one.debt.items()} for one in (before, after))
    return [
        f"Leads replayed: {found.leads}; nobody declines and no offer expires in a replay. Now -> then:",
        f"  leads that another rep gets: {found.moved}",
        f"  held for a while: {before.held} -> {after.held}; never offered: {before.never} -> {after.never}",
        f"  minutes waited beyond the first-touch promise: {_minutes(before)} -> {_minutes(after)}",
        *_beside("leads by the rule", before.rules, after.rules),
        *_beside("leads to", *loads),
        *_beside("furthest from the fair share, in leads, in", *debts),
        *(f"  {lead}: {names.get(old or '', 'nobody')} -> {names.get(new or '', 'nobody')}" for lead, old, new in found.moves),
    ]


def _beside(what: str, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [f"  {what} {name}: {before.get(name, 0)} -> {after.get(name, 0)}" for name in sorted({*before, *after})]


def _minutes(result: Simulated) -> int:
    return round(result.late.total_seconds() / 60)
