"""What a rep can do and when: skills, territories, working hours, time off, pauses, capacity."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from services.handoff.domain.calendar import Calendar, NeverOpen
from services.handoff.domain.policy import Policy, Pool
from services.handoff.domain.rules import language_key

Reason = tuple[str, str]  # which filter, and a sentence's end: "Rosa …"
FAR = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Rep:
    """A rep as a roster keeps them. Nothing set: can do everything, everywhere, at any time, without a limit."""

    id: str
    name: str
    state: str = "active"
    paused_until: datetime | None = None
    weight: int = 1
    skills: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    licences: frozenset[str] = frozenset()
    territories: frozenset[str] = frozenset()
    calendar: Calendar | None = None
    off: tuple[tuple[datetime, datetime], ...] = ()
    max_open: int | None = None
    max_per_day: int | None = None
    manager: bool = False
    on_call: bool = False
    zone: str = "UTC"


def rep_from_row(row: Mapping[str, Any], policy: Policy, pool: Pool) -> Rep:
    """`row` is plain JSON: what a roster stores, without what is not set."""
    zone = row.get("zone") or pool.zone
    return Rep(
        id=row["id"],
        name=row["name"],
        state=row.get("state", "active"),
        paused_until=_time(row.get("paused_until")),
        weight=row.get("weight", 1),
        skills=frozenset(row.get("skills", ())),
        languages=frozenset(map(language_key, row.get("languages", ()))),
        licences=frozenset(row.get("licences", ())),
        territories=frozenset(row.get("territories", ())),
        calendar=_calendar(row, policy, zone),
        off=tuple((datetime.fromisoformat(start), datetime.fromisoformat(end)) for start, end in row.get("off", ())),
        max_open=row.get("max_open"),
        max_per_day=row.get("max_per_day"),
        manager=row.get("manager", False),
        on_call=row.get("on_call", False),
        zone=zone,
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _calendar(row: Mapping[str, Any], policy: Policy, zone: str) -> Calendar | None:
    hours, special = row.get("hours") or {}, policy.holidays.get(row.get("holidays") or "", {})
    if not hours and not special:
        return None
    return _known_calendar(zone, _frozen(hours), _frozen(special))


def _frozen(days: Mapping[str, Any]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((day, tuple(intervals)) for day, intervals in days.items())


@lru_cache(maxsize=4096)
def _known_calendar(zone: str, hours: tuple[Any, ...], special: tuple[Any, ...]) -> Calendar:
    return Calendar(zone, dict(hours), dict(special))


def lacks(rep: Rep, skills: frozenset[str], licences: frozenset[str], language: str) -> Reason | None:
    if missing := skills - rep.skills:
        return "skill", f"lacks {', '.join(sorted(missing))}"
    if missing := licences - rep.licences:
        return "licence", f"has no licence for {', '.join(sorted(missing))}"
    if language and rep.languages and language not in rep.languages:
        return "language", f"does not speak {language}"
    return None


def inactive(rep: Rep) -> Reason | None:
    """Has left for good, or no longer shares in this pool."""
    if rep.state == "left":
        return "active", "has left"
    return ("weight", "has weight 0 in this pool") if rep.weight <= 0 else None


def away(rep: Rep, at: datetime) -> Reason | None:
    """Paused or on time off."""
    if rep.state == "paused" and (rep.paused_until is None or at < rep.paused_until):
        return "paused", "is paused"
    if any(start <= at < end for start, end in rep.off):
        return "time_off", "is on time off"
    return None


def outside_hours(rep: Rep, pool: Pool, at: datetime) -> Reason | None:
    if not pool.calendar.is_open(at):
        return "hours", f"works in {pool.name}, which is closed now"
    if rep.calendar is not None and not rep.calendar.is_open(at):
        return "hours", "is outside working hours"
    return None


def next_available(rep: Rep, pool: Pool, at: datetime) -> datetime | None:
    """When the rep works in this pool again; None: not within a year, or nobody knows."""
    if inactive(rep) or (rep.state == "paused" and rep.paused_until is None):
        return None
    latest = at + FAR
    found = max(at, rep.paused_until) if rep.state == "paused" and rep.paused_until else at
    try:
        while found < latest:
            step = pool.calendar.next_open(found)
            step = rep.calendar.next_open(step) if rep.calendar is not None else step
            step = max((end for start, end in rep.off if start <= step < end), default=step)
            if step == found:
                return found
            found = step
    except NeverOpen:
        return None
    return None
