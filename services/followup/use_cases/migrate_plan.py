"""Another version for those who are in a plan: looked at first on every live client, then applied by the numbers' hash."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.followup import store
from services.followup.domain.forecast import forecast
from services.followup.domain.plan_diff import Difference
from services.followup.use_cases.planning import HORIZON, Look, Planner
from shared.database import Transaction

KEEP = {"all": timedelta(minutes=10), "future_steps": timedelta(days=7)}  # what is due until then stays as it is
MIGRATIONS = ("new_only", *KEEP)
BATCH = 200


class NotApplied(ValueError):
    """The sentence says why."""


@dataclass(frozen=True, slots=True)
class Compared:
    difference: Difference
    hash: str


async def compare_versions(
    unit: Transaction, planner: Planner, key: str, old: int, new: int, migration: str, now: datetime
) -> Compared:
    """What the new version would do to every live client of the old one."""
    if old == new:
        raise NotApplied(f"Both are version {old}: name two different ones, see plan list.")
    found = await planner.book.versions(unit, {(key, old), (key, new)})
    if len(found) != 2:
        raise NotApplied(f"There is no version {old if (key, old) not in found else new} of {key}: see plan list.")
    difference, after = Difference(), None
    if migration != "new_only":
        difference.paused = await store.planning.paused_in(unit, key, old)
    while migration != "new_only":
        ids = await store.planning.clients_in(unit, key, old, after, BATCH)
        if not ids:
            break
        after = ids[-1]
        clients = await store.planning.households_of(unit, ids)
        before = await planner.look(unit, clients, now)
        then = await planner.look(unit, clients, now, instead={(key, old): found[key, new]}, keep_until=now + KEEP[migration])
        await _count(unit, difference, before, then, {str(one) for one in ids}, now)
    texts = [planner.book.kept[key, version].sha256 for version in (old, new)]
    return Compared(difference, difference.hash(key, migration, *texts))


async def _count(unit: Transaction, difference: Difference, before: Look, then: Look, wanted: set[str], now: datetime) -> None:
    last = (now + HORIZON).date()
    for (_, old), (_, new) in zip(before.households, then.households, strict=True):
        await store.planning.stay_awake(unit)
        was, will = forecast(old, now, last), forecast(new, now, last)
        kept = new.closed
        for client_id in {one.client_id for one in old.enrolled} & wanted:
            difference.add(
                [one for one in was if one.enrolled.client_id == client_id and one.key not in kept],
                [one for one in will if one.enrolled.client_id == client_id],
                now,
            )


async def apply_version(
    unit: Transaction, planner: Planner, key: str, old: int, new: int, migration: str, hash: str, now: datetime
) -> int:
    """Move live clients. Returns how many; their calendars follow within seconds, in journaled batches."""
    compared = await compare_versions(unit, planner, key, old, new, migration, now)
    if compared.hash != hash:
        raise NotApplied(f"The numbers have changed since that diff; they are now {compared.hash}. Look at the diff again.")
    if migration == "new_only":
        return 0
    cause = f"cause=plan {key} {old} -> {new}, {migration}"
    return await store.planning.move_to_version(unit, key, old, new, now + KEEP[migration], cause)
