"""At which local times a message may arrive: the plan's own window and the law's, both or neither."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Window:
    """Half open: from `opens` until just before `closes`. None as `closes`: until midnight."""

    opens: time = time(0)
    closes: time | None = None

    def __and__(self, other: "Window") -> "Window | None":
        closes = min((one for one in (self.closes, other.closes) if one is not None), default=None)
        both = Window(max(self.opens, other.opens), closes)
        return both if both.closes is None or both.opens < both.closes else None

    def is_past(self, at: time) -> bool:
        return self.closes is not None and at >= self.closes


WHOLE_DAY = Window()
BY_NUMBER = ("sms",)  # channels that reach a number, wherever its owner is


@dataclass(frozen=True, slots=True)
class QuietRule:
    """One line of the dated data file: who says that messages of a channel arrive only within a window."""

    country: str
    region: str | None  # None: everywhere in the country
    channel: str
    purposes: frozenset[str] | None  # None: every purpose
    window: Window
    weekdays: Mapping[int, Window | None]  # days that differ; None: closed
    since: date
    until: date | None

    def on(self, day: date) -> Window | None:
        return self.weekdays.get(day.weekday(), self.window)

    def binds(self, place: "Place", channel: str, purpose: str, day: date) -> bool:
        return (
            self.channel == channel
            and any(self.country == country and self.region in (None, region) for country, region in place.laws(channel))
            and (self.purposes is None or purpose in self.purposes)
            and self.since <= day
            and (self.until is None or day < self.until)
        )


@dataclass(frozen=True, slots=True)
class NumberPlace:
    """Where a phone number is from: whose law and whose clocks count, besides those of the client, for calls and texts."""

    country: str
    region: str | None
    zones: tuple[ZoneInfo, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a client is: the clock that names days and times, and whose law counts."""

    zone: ZoneInfo
    country: str
    regions: frozenset[str] = frozenset()
    number: NumberPlace | None = None

    def laws(self, channel: str) -> Iterator[tuple[str, str | None]]:
        yield self.country, None
        yield from ((self.country, region) for region in self.regions)
        if self.number is not None and channel in BY_NUMBER:
            yield self.number.country, self.number.region

    def other_clocks(self, channel: str) -> tuple[ZoneInfo, ...]:
        """By each of these it must be a legal hour too."""
        if self.number is None or channel not in BY_NUMBER:
            return ()
        return tuple(zone for zone in self.number.zones if zone != self.zone)


def legal_window(rules: Iterable[QuietRule], place: Place, channel: str, purpose: str, day: date) -> Window | None:
    """What every rule that binds allows on this day, by one clock; None: nothing."""
    both: Window | None = WHOLE_DAY
    for rule in rules:
        if both is not None and rule.binds(place, channel, purpose, day):
            allowed = rule.on(day)
            both = both & allowed if allowed is not None else None
    return both


def window_by_all_clocks(
    rules: Iterable[QuietRule], place: Place, channel: str, purpose: str, day: date, within: Window
) -> Window | None:
    """What is left of `within` on this day of the client's own clock, where the law must be kept by every clock that counts."""
    rules = tuple(rules)
    legal = legal_window(rules, place, channel, purpose, day)
    both = within & legal if legal is not None else None
    found = [both] if both is not None else []
    for zone in place.other_clocks(channel):
        near = [day + timedelta(days=number) for number in (-1, 0, 1)]
        theirs = [(one, legal_window(rules, place, channel, purpose, one)) for one in near]
        if all(window == WHOLE_DAY for _, window in theirs):
            continue
        seen = [_seen_from(place.zone, day, one, window, zone) for one, window in theirs if window is not None]
        found = [both for one in found for other in seen if other is not None and (both := one & other) is not None]
    return found[0] if found else None


def _seen_from(home: ZoneInfo, day: date, their_day: date, window: Window, zone: ZoneInfo) -> Window | None:
    """A window of another clock's day as this day of ours shows it; None: nothing of it."""
    opens = instant(their_day, window.opens, zone)[0].astimezone(home)
    closes_on, closes_at = (their_day, window.closes) if window.closes is not None else (their_day + timedelta(days=1), time(0))
    closes = instant(closes_on, closes_at, zone)[0].astimezone(home)
    first = opens.time() if opens.date() == day else time(0)
    if opens.date() > day or closes.date() < day or (closes.date() == day and closes.time() <= first):
        return None
    return Window(first, closes.time() if closes.date() == day else None)


def is_legal(rules: Iterable[QuietRule], place: Place, channel: str, purpose: str, moment: datetime) -> bool:
    """Whether the law allows this very moment, by every clock that counts."""
    rules = tuple(rules)
    for zone in (place.zone, *place.other_clocks(channel)):
        here = moment.astimezone(zone)
        window = legal_window(rules, place, channel, purpose, here.date())
        if window is None or here.time() < window.opens or window.is_past(here.time()):
            return False
    return True


def instant(day: date, at: time, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """A local wall time as UTC, and the local time it really is.

    One that does not exist moves forward by the gap; one that exists twice is the first. The offset is that of the day
    itself, not of today.
    """
    due_at = datetime.combine(day, at, zone).astimezone(UTC)
    return due_at, due_at.astimezone(zone)
