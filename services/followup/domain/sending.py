"""What follows from an attempt: when it is tried again, and when a domain, a limit or a complaint rate stops us."""

import hashlib
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

RETRIES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360))
BUSY = timedelta(minutes=1)
WARN_AT, STOP_AT, ENOUGH = 0.001, 0.003, 1_000


def retry_at(touch_id: str, attempts: int, now: datetime) -> datetime | None:
    """When to try again after so many attempts; None when it was tried often enough. Jitter by touch: no thundering herd."""
    if attempts > len(RETRIES):
        return None
    return now + RETRIES[attempts - 1] * _jitter(touch_id, attempts)


def busy_until(touch_id: str, fence: int, now: datetime) -> datetime:
    """The relay or a limit said not now; the attempt is not burnt."""
    return now + BUSY * _jitter(touch_id, fence)


def _jitter(touch_id: str, number: int) -> float:
    digest = hashlib.sha256(f"{touch_id}/{number}".encode()).digest()
    return 0.8 + 0.4 * digest[0] / 255


def governor(sent: int, complained: int) -> str:
    """go, warn or stop: what the share of complaints allows marketing to do (bulk sender rules of the large mailboxes)."""
    if complained < 3:  # one angry client of a small company is no rate
        return "go"
    rate = complained / max(sent, ENOUGH)
    return "stop" if rate >= STOP_AT else "warn" if rate >= WARN_AT else "go"


@dataclass(slots=True)
class Breaker:
    """Stops mail to a domain that refuses it for other reasons than the address: 5 % of the last 200."""

    window: int = 200
    share: float = 0.05
    least: int = 20
    pause: timedelta = timedelta(minutes=15)
    _outcomes: dict[str, deque[bool]] = field(default_factory=dict)
    _open_until: dict[str, datetime] = field(default_factory=dict)

    def note(self, domain: str, *, refused: bool, now: datetime) -> None:
        seen = self._outcomes.setdefault(domain, deque(maxlen=self.window))
        seen.append(refused)
        if len(seen) >= self.least and sum(seen) > self.share * max(len(seen), self.window // 2):
            self._open_until[domain] = now + self.pause
            seen.clear()
        if len(self._outcomes) > 10_000:  # the domains of a mailing list are many; the oldest has least to say
            self._outcomes.pop(next(iter(self._outcomes)))

    def back_at(self, domain: str, now: datetime) -> datetime | None:
        until = self._open_until.get(domain)
        if until is not None and until <= now:
            del self._open_until[domain]
            return None
        return until


@dataclass(frozen=True, slots=True)
class Limit:
    """So many in each second, minute, hour or day; a day begins at midnight in the zone of whoever set the limit."""

    count: int
    unit: str
    zone: ZoneInfo

    @property
    def name(self) -> str:
        return f"email/{self.unit}"

    def window_start(self, now: datetime) -> datetime:
        local = now.astimezone(self.zone)
        smaller = ("second", "minute", "hour", "day").index(self.unit)
        return local.replace(
            microsecond=0,
            second=0 if smaller > 0 else local.second,
            minute=0 if smaller > 1 else local.minute,
            hour=0 if smaller > 2 else local.hour,
        )


def read_limits(text: str) -> tuple[Limit, ...]:
    """`10/second, 500/hour, 5000/day@America/New_York`. Raises ValueError with a sentence."""
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        count, slash, unit = part.partition("/")
        unit, _, zone = unit.partition("@")
        if not (slash and count.strip().isdigit() and int(count) > 0 and unit in ("second", "minute", "hour", "day")):
            raise ValueError("write each limit as number/second, /minute, /hour or /day, for example 10/second, 5000/day")
        found.append(Limit(int(count), unit, ZoneInfo(zone or "UTC")))
    return tuple(found)
