"""The agreement as routing reads it: plain values, with the sets and calendars worked out once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from services.handoff.domain.calendar import Calendar

USUAL_TIER = "P3"


@dataclass(frozen=True, slots=True)
class Tier:
    """`always`: the clock runs day and night. `after_hours`: hold | on_call | offer."""

    name: str
    accept_within: timedelta
    touch_within: timedelta
    warn_at: tuple[int, ...] = ()
    always: bool = False
    after_hours: str = "hold"
    grace: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Pool:
    name: str
    zone: str
    calendar: Calendar
    everyone: bool = False
    skills: frozenset[str] = frozenset()
    licences: frozenset[str] = frozenset()
    overflow: str | None = None
    sticky: bool = True
    catch_up: bool = False
    hold_for: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Rule:
    """Empty tests match everything. `areas`: names of territories, and postal codes as `=43604` or `=436*`."""

    name: str
    pool: str
    areas: tuple[frozenset[str], ...] = ()
    selection: frozenset[str] = frozenset()
    tier: frozenset[str] = frozenset()
    form: frozenset[str] = frozenset()
    source: frozenset[str] = frozenset()
    language: frozenset[str] = frozenset()
    answers: tuple[tuple[str, Any], ...] = ()
    skills: frozenset[str] = frozenset()
    licences: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """One per version of the agreement. `codes` and `prefixes` say which areas a postal code lies in; `selections`: what
    may be asked for."""

    hash: str
    rules: tuple[Rule, ...]
    pools: Mapping[str, Pool]
    tiers: Mapping[str, Tier]
    holidays: Mapping[str, Mapping[str, list[str]]] = field(default_factory=dict)
    codes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    prefixes: tuple[tuple[str, str], ...] = ()
    max_attempts: int = 3
    sticky_for: timedelta = timedelta(days=180)
    refund_reasons: frozenset[str] = frozenset()
    selections: frozenset[str] = frozenset()

    def tier(self, name: str) -> Tier:
        return self.tiers.get(name) or self.tiers[USUAL_TIER]

    def chain(self, *pools: str) -> tuple[str, ...]:
        """Each of these pools and those that help it out, in turn."""
        found: dict[str, None] = {}
        for pool in pools:
            following: str | None = pool
            while following and following not in found:
                found[following] = None
                following = self.pools[following].overflow
        return tuple(found)
