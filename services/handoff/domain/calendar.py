"""Business time: weekly intervals in an IANA zone, with breaks, shifts past midnight and days that differ.

A local time that a clock change skips is the end of the gap; one that happens twice is its first occurrence.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ONE_DAY = timedelta(days=1)
HORIZON = 60 * 366  # days looked ahead: a promise of 100,000 minutes at an hour a week ends within it
KEPT_DAYS = 1000

Interval = tuple[datetime, datetime]
Minutes = tuple[tuple[int, int], ...]


class NeverOpen(ValueError):
    """The calendar has no open time left to find."""


class Calendar:
    """`hours` by weekday and `special` by date, as the agreement writes them. No hours: open, except on special days."""

    __slots__ = ("_first", "_known", "_last", "_special", "_week", "always", "zone")

    def __init__(self, zone: str, hours: Mapping[str, Sequence[str]], special: Mapping[str, Sequence[str]] | None = None) -> None:
        self.zone = ZoneInfo(zone)
        self.always = not hours and not special
        self._week = [_minutes(hours.get(day, ())) if hours else ((0, 1440),) for day in DAYS]
        self._special = {date.fromisoformat(day): _minutes(intervals) for day, intervals in (special or {}).items()}
        self._first, self._last = min(self._special, default=None), max(self._special, default=None)
        self._known: dict[date, tuple[Interval, ...]] = {}

    def is_open(self, at: datetime) -> bool:
        return self.always or any(start <= at < end for start, end in self._open_on(at.astimezone(self.zone).date()))

    def next_open(self, at: datetime) -> datetime:
        """The first open instant from `at` on. Raises NeverOpen."""
        if self.always:
            return at
        for start, end in self._from(at):
            if at < end:
                return max(at, start)
        raise NeverOpen

    def add(self, at: datetime, span: timedelta) -> datetime:
        """When that much open time has passed; for a negative span, when it began. Raises NeverOpen."""
        if self.always:
            return at + span
        left, backwards = abs(span), span < timedelta()
        for start, end in self._until(at) if backwards else self._from(at):
            first, last = (start, min(at, end)) if backwards else (max(at, start), end)
            if last - first >= left and last > first:
                return last - left if backwards else first + left
            left -= max(last - first, timedelta())
        raise NeverOpen

    def between(self, start: datetime, end: datetime) -> timedelta:
        """How much open time lies between two instants."""
        if self.always:
            return max(end - start, timedelta())
        total = timedelta()
        for opens, closes in self._from(start):
            if opens >= end:
                break
            total += max(min(closes, end) - max(opens, start), timedelta())
        return total

    def _from(self, at: datetime) -> Iterator[Interval]:
        """Open intervals in order, from the day of `at` on."""
        first = at.astimezone(self.zone).date()
        for step in range(self._days_to(self._last, first)):
            yield from self._open_on(first + step * ONE_DAY)

    def _until(self, at: datetime) -> Iterator[Interval]:
        """Open intervals backwards, from the day of `at` on."""
        last = at.astimezone(self.zone).date()
        for step in range(self._days_to(last, self._first)):
            yield from reversed(self._open_on(last - step * ONE_DAY))

    def _days_to(self, later: date | None, earlier: date | None) -> int:
        """How many days to look at. Where the week is closed only special days may be open, the last until the day after."""
        if any(self._week):
            return HORIZON
        return (later - earlier).days + 2 if later and earlier else 0

    def _open_on(self, day: date) -> tuple[Interval, ...]:
        """What is open between two local midnights, in UTC."""
        found = self._known.get(day)
        if found is None:
            if len(self._known) >= KEPT_DAYS:
                self._known.clear()
            from_yesterday = [(start - 1440, end - 1440) for start, end in self._minutes_of(day - ONE_DAY)]
            minutes = _merged([*from_yesterday, *self._minutes_of(day)])
            ends = ((instant(self.zone, day, max(start, 0)), instant(self.zone, day, min(end, 1440))) for start, end in minutes)
            found = self._known[day] = tuple((start, end) for start, end in ends if start < end)
        return found

    def _minutes_of(self, day: date) -> Minutes:
        return self._special.get(day, self._week[day.weekday()])


def instant(zone: ZoneInfo, day: date, minute: int) -> datetime:
    """A local time as an instant: of a skipped one the end of the gap, of a repeated one the first occurrence."""
    local = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(minutes=minute)  # wall clock arithmetic
    found = local.astimezone(UTC)
    return found if found.astimezone(zone).replace(fold=0) == local else _end_of_gap(zone, local.replace(tzinfo=None))


@lru_cache(maxsize=256)
def _end_of_gap(zone: ZoneInfo, local: datetime) -> datetime:
    """Between the two readings of a skipped time lies the change itself."""
    before = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    after = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    offset = after.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        before, after = (before, middle) if middle.astimezone(zone).utcoffset() == offset else (middle, after)
    return after


def _minutes(intervals: Sequence[str]) -> Minutes:
    """`22:00-06:00` as minutes of the day it begins on."""
    pairs = [(_minute(one[:5]), _minute(one[6:])) for one in intervals]
    return tuple((start, end if end > start else end + 1440) for start, end in pairs)


def _merged(intervals: Sequence[tuple[int, int]]) -> Minutes:
    """In order, none touching another."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(intervals):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return tuple(found)


def _minute(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])
