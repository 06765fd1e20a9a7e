"""The calendar written down a second time, slowly and from the rules alone: what slot() must agree with."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Rule:
    """What one step asks for."""

    at: time
    opens: time = time(0)
    closes: time | None = None
    weekdays: frozenset[int] = frozenset()
    holidays: bool = False
    roll: str = "forward"
    max_roll: int = 5


def to_utc(day: date, at: time, zone: ZoneInfo) -> datetime:
    """No fold, no gap tables: try every offset the zone has around that day, and see which reads back as asked."""
    wall = datetime.combine(day, at)
    around, offsets = hours_around(day, zone.key)
    real = [wall - offset for offset in set(offsets) if reads(wall - offset, zone) == wall]
    if real:
        return min(real).replace(tzinfo=UTC)
    jump = next(n for n in range(1, len(around)) if offsets[n] != offsets[n - 1] and wall - offsets[n] < around[n])
    return (wall - offsets[jump - 1]).replace(tzinfo=UTC)


@lru_cache(maxsize=64)
def hours_around(day: date, zone: str) -> tuple[list[datetime], list[timedelta]]:
    """Every hour from two days before to two days after, in UTC, with the zone's offset then."""
    start = datetime.combine(day, time(0), UTC)
    hours = [start + timedelta(hours=number) for number in range(-48, 73)]
    return [naive(one) for one in hours], [one.astimezone(ZoneInfo(zone)).utcoffset() or timedelta(0) for one in hours]


def naive(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None)


def reads(utc: datetime, zone: ZoneInfo) -> datetime:
    return utc.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)


def expected(rule: Rule, day: date, zone: ZoneInfo) -> datetime | None:
    """The moment for a step that falls on this day; None: there is none."""
    at = reads(naive(to_utc(day, rule.at, zone)), zone).time()
    if is_late(at, rule.closes):
        day, at = day + DAY, time(0)
    for candidate in candidates(day, rule):
        if candidate.weekday() in rule.weekdays or (rule.holidays and candidate in holidays(candidate.year)):
            continue
        due = to_utc(candidate, max(at, rule.opens), zone)
        local = reads(naive(due), zone)
        if local.date() == candidate and local.time() >= rule.opens and not is_late(local.time(), rule.closes):
            return due
        if local.date() != candidate and rule.closes is None:  # the clock jumped over midnight: it is the next day's
            return due
    return None


def is_late(at: time, closes: time | None) -> bool:
    return closes is not None and at >= closes


def candidates(day: date, rule: Rule) -> Iterator[date]:
    """All days within reach, nearest first, the later of two as near before the earlier."""
    signs = {"forward": (1,), "backward": (-1,), "nearest": (1, -1), "drop": ()}[rule.roll]
    yield day
    for away in range(1, rule.max_roll + 1):
        for sign in signs:
            yield day + sign * away * DAY


@cache
def holidays(year: int) -> frozenset[date]:
    """Federal holidays and the days they are kept on, found by looking at every day of three years."""
    days = [date(year - 1, 1, 1) + n * DAY for n in range(366 * 3)]
    fixed = [one for one in days if (one.month, one.day) in {(1, 1), (6, 19), (7, 4), (11, 11), (12, 25)}]
    kept = [one + {5: -1, 6: 1}.get(one.weekday(), 0) * DAY for one in fixed]
    wanted = {(1, 0): 3, (2, 0): 3, (9, 0): 1, (10, 0): 2, (11, 3): 4}
    moving = [one for one in days if wanted.get((one.month, one.weekday())) == (one.day - 1) // 7 + 1]
    memorial = [one for one in days if one.month == 5 and one.weekday() == 0 and (one + 7 * DAY).month == 6]
    return frozenset(one for one in (*fixed, *kept, *moving, *memorial) if one.year == year)
