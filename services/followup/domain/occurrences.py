"""On which days a step falls for one enrolment, before any calendar has its say."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from services.followup.domain.plans import After, Monthly, Season, Silence, Step, Yearly
from services.followup.domain.spans import months_later, nth_weekday

FAR = 4_000  # no step recurs more often than this within one look


@dataclass(frozen=True, slots=True)
class Happened:
    """A fact of a client: review.received, referral.won, job.booked …"""

    kind: str
    ref: str
    at: datetime
    day: date


@dataclass(frozen=True, slots=True)
class Anchors:
    """What one enrolment counts from. Days are local days of the client; `day` is the enrolment's own."""

    id: str
    day: date
    arrived_at: datetime
    enrolled_at: datetime
    days: Mapping[str, date]  # job.completed_on, asset.water_heater.installed_on …
    last_job_on: date | None = None
    happened: tuple[Happened, ...] = ()


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time a step falls due. `once`: of all with this cycle only one is for the client, whatever they are enrolled in."""

    cycle: int
    day: date
    since: date  # what happened from here on can make it needless
    instant: datetime | None = None
    last_day: date | None = None
    once: bool = False


def occurrences(step: Step, anchors: Anchors, first: date, last: date) -> Iterator[Occurrence]:
    """In order, those whose day lies from `first` to `last`. Elapsed ones (minutes, hours) have an instant."""
    for found in _all(step, anchors, first, last):
        if first <= found.day <= last:
            yield found


def _all(step: Step, anchors: Anchors, first: date, last: date) -> Iterator[Occurrence]:
    timing = step.timing
    if isinstance(timing, After):
        yield from _after(step, timing, anchors)
    elif isinstance(timing, Monthly):
        yield from _monthly(step, timing, anchors, first, last)
    elif isinstance(timing, Yearly):
        yield from _yearly(step, timing, anchors, last)
    elif isinstance(timing, Season):
        yield from _seasonal(step, timing, anchors, first, last)
    else:
        yield from _silent(step, timing, anchors, last)


def _after(step: Step, timing: After, anchors: Anchors) -> Iterator[Occurrence]:
    if timing.fact is None:
        for number in range(1 + (step.repeat.times if step.repeat else 0)):
            yield _from(step, timing, number, number, anchors.day, anchors.arrived_at, anchors.day)
        return
    for fact in anchors.happened:
        if fact.kind == timing.fact and fact.at >= anchors.enrolled_at:
            cycle = int.from_bytes(hashlib.sha256(fact.ref.encode()).digest()[:4], "big") >> 1
            yield _from(step, timing, 0, cycle, fact.day, fact.at, fact.day, once=True)


def _from(
    step: Step, timing: After, number: int, cycle: int, day: date, at: datetime, since: date, *, once: bool = False
) -> Occurrence:
    instant = at + timing.span.elapsed if timing.span.is_elapsed else None
    day = timing.span.after(day) if instant is None else day
    if step.repeat is not None and number:
        day = step.repeat.every.after(day, number)
        instant = None
    return Occurrence(cycle, day, since, instant, once=once)


def _monthly(step: Step, timing: Monthly, anchors: Anchors, first: date, last: date) -> Iterator[Occurrence]:
    month = max(first, anchors.day).replace(day=1)
    while month <= last:
        if month.month in timing.months:
            day = nth_weekday(month.year, month.month, timing.nth, timing.weekday)
            cycle = month.year * 100 + month.month
            if day > anchors.day:
                yield Occurrence(cycle, day, day - timedelta(days=31), once=True)
        month = (month + timedelta(days=31)).replace(day=1)


def _yearly(step: Step, timing: Yearly, anchors: Anchors, last: date) -> Iterator[Occurrence]:
    anchor = anchors.days.get(timing.anchor)
    if anchor is None:
        return
    before = anchor
    for number in range(1, last.year - anchor.year + 2):
        day = timing.shift.after(months_later(anchor, 12 * number))
        if day > anchors.day:
            yield Occurrence(number, day, before, once=not timing.anchor.startswith("job."))
        before = day


def _seasonal(step: Step, timing: Season, anchors: Anchors, first: date, last: date) -> Iterator[Occurrence]:
    for year in range(first.year - 1, last.year + 1):
        opens = date(year, *timing.opens)
        closes = date(year + (timing.closes < timing.opens), *timing.closes)
        days = (closes - opens).days + 1
        day = opens + timedelta(days=position(f"{anchors.id}/{step.key}/{year}") % days)
        if day > anchors.day:
            yield Occurrence(year, day, opens - timedelta(days=60), last_day=closes, once=True)


def _silent(step: Step, timing: Silence, anchors: Anchors, last: date) -> Iterator[Occurrence]:
    if anchors.last_job_on is None:
        return
    start = timing.span.after(anchors.last_job_on)
    for number in range(FAR):
        day = timing.again.after(start, number)
        if day > last:
            return
        cycle = day.year * 100 + day.month
        yield Occurrence(cycle, day, anchors.last_job_on, once=True)


def position(key: str) -> int:
    """Where in a window a touch falls: the same today and in the preview, spread evenly over all clients."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")
