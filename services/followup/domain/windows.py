"""At which local times a message may arrive: the plan's own window and the law's, both or neither."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
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
            and self.country == place.country
            and (self.region is None or self.region in place.regions)
            and (self.purposes is None or purpose in self.purposes)
            and self.since <= day
            and (self.until is None or day < self.until)
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a client is: their zone, and whose law counts (the stated region and the phone number's, both)."""

    zone: ZoneInfo
    country: str
    regions: frozenset[str] = frozenset()


def legal_window(rules: Iterable[QuietRule], place: Place, channel: str, purpose: str, day: date) -> Window | None:
    """What every rule that binds allows on this day; None: nothing."""
    both: Window | None = WHOLE_DAY
    for rule in rules:
        if both is not None and rule.binds(place, channel, purpose, day):
            allowed = rule.on(day)
            both = both & allowed if allowed is not None else None
    return both


def instant(day: date, at: time, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """A local wall time as UTC, and the local time it really is.

    One that does not exist moves forward by the gap; one that exists twice is the first. The offset is that of the day
    itself, not of today.
    """
    due_at = datetime.combine(day, at, zone).astimezone(UTC)
    return due_at, due_at.astimezone(zone)
