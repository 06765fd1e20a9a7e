"""How often is too often: caps per client and household, counted by calendar day where the client is."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `limit` within any `days` days in a row. `counts`: a purpose, a channel, "any", or "not_service"."""

    counts: str
    limit: int
    days: int

    def covers(self, purpose: str, channel: str) -> bool:
        return self.counts in ("any", purpose, channel) or (self.counts == "not_service" and purpose != "service")

    def __str__(self) -> str:
        return f"{self.counts} {self.limit} per {self.days} days"


@dataclass(frozen=True, slots=True)
class Touched:
    """A touch that was sent or that keeps its place."""

    id: str
    client_id: str
    plan: str
    step: str
    day: date
    purpose: str
    channel: str


def broken_cap(
    caps: Iterable[Cap], day: date, purpose: str, channel: str, others: Iterable[Touched]
) -> tuple[Cap, Touched] | None:
    """The first cap that one more touch on this day would break, and the touch that got there first. None: it may go.

    Planning asks it for every day it tries; the gate asks it again when the touch is claimed. A service touch counts,
    but never yields.
    """
    if purpose == "service":
        return None
    rivals = list(others)
    for cap in caps:
        if not cap.covers(purpose, channel):
            continue
        near = sorted(
            (one for one in rivals if abs((one.day - day).days) < cap.days and cap.covers(one.purpose, one.channel)),
            key=lambda one: (one.day, one.id),
        )
        if _fullest([one.day for one in near], day, cap.days) + 1 > cap.limit:
            return cap, near[0]
    return None


def _fullest(taken: list[date], day: date, days: int) -> int:
    """Of all runs of so many days that hold this day, how many are taken in the fullest."""
    starts = (day - timedelta(days=back) for back in range(days))
    return max((sum(start <= one < start + timedelta(days=days) for one in taken) for start in starts), default=0)


def widest(caps: Iterable[Cap]) -> int:
    """How many days back the gate must look."""
    return max((cap.days for cap in caps), default=0)
