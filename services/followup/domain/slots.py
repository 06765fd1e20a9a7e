"""When a touch goes out: one pure function, the same for the calendar, the preview and the diff.

The order: the local day, the time of day, what the clock makes of it, windows, closed days, too late.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from services.followup.domain.holidays import HOLIDAYS
from services.followup.domain.occurrences import Occurrence, position
from services.followup.domain.plans import After, Step
from services.followup.domain.windows import WHOLE_DAY, Place, QuietRule, Window, instant, is_legal, window_by_all_clocks

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class Slot:
    """A moment as the client's clock shows it, and as UTC; and why it is not the one the plan names."""

    day: date
    at: time
    due_at: datetime
    expires_at: datetime
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skip:
    """Not at all, and why; `slot` is when it would have been."""

    reason: str
    slot: Slot


@dataclass(frozen=True, slots=True)
class Asked:
    """One touch that wants a slot: everything the answer depends on."""

    key: str
    step: Step
    channel: str
    occurrence: Occurrence
    place: Place
    quiet: Sequence[QuietRule]

    @property
    def keeps_hours(self) -> bool:
        return keeps_hours(self.step, self.channel)

    def window(self, day: date) -> Window | None:
        return window_on(self.step, self.channel, self.place, self.quiet, day)

    def is_legal(self, moment: datetime) -> bool:
        return is_legal(self.quiet, self.place, self.channel, self.step.purpose, moment)


def keeps_hours(step: Step, channel: str) -> bool:
    """Mail about the client's own job goes out at once, by day and by night."""
    return step.purpose != "service" or channel == "sms"


def window_on(step: Step, channel: str, place: Place, quiet: Sequence[QuietRule], day: date) -> Window | None:
    """The plan's window and the law's, on this day; None: nothing may arrive."""
    if not keeps_hours(step, channel):
        return WHOLE_DAY
    return window_by_all_clocks(quiet, place, channel, step.purpose, day, step.rules.window)


def slot(asked: Asked, now: datetime) -> Slot | Skip:
    """The first legal moment for a touch, or the reason why there is none."""
    named = _named(asked)
    if named.expires_at <= now:
        return Skip("expired", named)
    found = _first_legal(asked, named, named.day, named.at)
    if isinstance(found, Slot) and found.due_at < now and asked.keeps_hours:
        here = now.astimezone(asked.place.zone)
        found = _first_legal(asked, named, here.date(), here.time(), late=True)
    if isinstance(found, Slot) and found.due_at >= found.expires_at:
        return Skip("expired", found)
    return found


def _named(asked: Asked) -> Slot:
    """What the plan names, by the client's clock."""
    step, occurrence, zone = asked.step, asked.occurrence, asked.place.zone
    if occurrence.instant is not None and isinstance(step.timing, After):
        local = occurrence.instant.astimezone(zone)
        day_is_over = instant(occurrence.day, time.max, zone)[0]
        expires_at = day_is_over + step.timing.span.elapsed + step.expires.elapsed
        return Slot(local.date(), local.time(), occurrence.instant.astimezone(UTC), expires_at)
    due_at, local = instant(occurrence.day, time_of_day(step, asked.key), zone)
    return Slot(local.date(), local.time(), due_at, due_at + step.expires.elapsed)


def time_of_day(step: Step, key: str) -> time:
    """`at`, or a moment in `between` that depends on nothing but the touch."""
    if step.between is None:
        return step.at
    opens, closes = (datetime.combine(date.min, one) for one in step.between)
    width = int((closes - opens).total_seconds())
    return (opens + timedelta(seconds=position(key) % max(width, 1))).time()


def _first_legal(asked: Asked, named: Slot, day: date, at: time, *, late: bool = False) -> Slot | Skip:
    notes = [f"late: it was meant for {named.day}"] if late else []
    window = asked.window(day)
    if window is not None and window.is_past(at):
        notes.append(f"{day}: too late in the day")
        day, at = day + timedelta(days=1), time(0)
    for candidate in _candidates(asked.step, day, asked.occurrence.last_day, late=late):
        found = try_day(asked, candidate, at, named.expires_at)
        if isinstance(found, Slot):
            return replace(found, notes=tuple(notes))
        notes.append(f"{candidate}: {found}")
    return Skip(notes[-1].partition(": ")[2], replace(named, notes=tuple(notes)))


def _candidates(step: Step, day: date, last: date | None, *, late: bool) -> Iterator[date]:
    """The day itself, then the days it may roll to, nearest first. A seasonal one stays in its season."""
    yield day
    roll = step.rules.roll
    if roll != "drop" and (late or last is not None):
        roll = "forward" if late or last is None or day + timedelta(days=step.rules.max_roll) <= last else "backward"
    for away in range(1, step.rules.max_roll + 1 if roll != "drop" else 1):
        if roll in ("forward", "nearest"):
            yield day + timedelta(days=away)
        if roll in ("backward", "nearest"):
            yield day - timedelta(days=away)


def try_day(asked: Asked, day: date, at: time, expires_at: datetime) -> Slot | str:
    """The slot on this very day, or why there is none."""
    closed, window = closed_on(asked.step, day), asked.window(day)
    if closed is not None or window is None:
        return closed or "no hours allowed"
    due_at, local = instant(day, max(at, window.opens), asked.place.zone)
    if local.date() != day:  # the clock jumped over midnight
        closed, window = closed_on(asked.step, local.date()), asked.window(local.date())
    if closed is not None or window is None or window.is_past(local.time()) or local.time() < window.opens:
        return closed or "no hours left"
    if asked.place.other_clocks(asked.channel) and not asked.is_legal(due_at):  # where a clock shows the same hour twice
        return "no hours left"
    return Slot(local.date(), local.time(), due_at, expires_at)


def closed_on(step: Step, day: date) -> str | None:
    """Why nothing goes out on this day."""
    rules = step.rules
    if day.weekday() in rules.weekdays:
        return WEEKDAYS[day.weekday()]
    for name in rules.holidays:
        if holiday := HOLIDAYS[name](day.year).get(day):
            return holiday
    if any(first <= day <= last for first, last in rules.blackouts):
        return "blackout"
    return None
