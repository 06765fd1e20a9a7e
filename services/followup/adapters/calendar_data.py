"""The dated data file of quiet hours: read once, strict, named by its version and hash."""

import hashlib
import tomllib
from dataclasses import dataclass
from datetime import date, time
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from services.followup.domain.plans import CHANNELS
from services.followup.domain.slots import WEEKDAYS
from services.followup.domain.windows import QuietRule, Window

FILE = Path(__file__).parent.parent / "data" / "quiet_hours.toml"


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid")

    country: str = Field(pattern="^[A-Z]{2}$")
    regions: list[str] = []
    channel: str = Field(pattern=f"^({'|'.join(CHANNELS)})$")
    purposes: list[str] | None = None
    window: tuple[time, time]
    weekdays: dict[str, tuple[()] | tuple[time, time]] = {}
    since: date
    until: date | None = None
    source: str


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: str
    rule: list[_Rule]


@dataclass(frozen=True, slots=True)
class QuietHours:
    """The rules, and the name a calendar remembers them by."""

    rules: tuple[QuietRule, ...]
    version: str
    name: str


@lru_cache(maxsize=4)
def quiet_hours(file: Path = FILE) -> QuietHours:
    """Raises ValueError where the file is not one."""
    text = file.read_text()
    found = _File.model_validate(tomllib.loads(text))
    rules = tuple(_rule(one, region) for one in found.rule for region in one.regions or (None,))
    return QuietHours(rules, found.version, name_of(found.version, text))


def name_of(version: str, text: str) -> str:
    """What a calendar remembers a data file by: a change that forgot the version is a change all the same."""
    return f"{version}:{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _rule(rule: _Rule, region: str | None) -> QuietRule:
    days = {WEEKDAYS.index(name.capitalize()): Window(*hours) if hours else None for name, hours in rule.weekdays.items()}
    purposes = frozenset(rule.purposes) if rule.purposes is not None else None
    return QuietRule(rule.country, region, rule.channel, purposes, Window(*rule.window), days, rule.since, rule.until)
