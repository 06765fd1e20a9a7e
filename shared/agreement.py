"""The agreement between marketing and sales: its schema and its hash, no more. Handoff owns it, all three read it."""

import hashlib
import tomllib
from datetime import timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError


class AgreementError(ValueError):
    """The text is not an agreement; the message names the place and what to do."""


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is not an IANA time zone such as America/New_York")
    return name


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Company(Part):
    name: str = "Our company"
    zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    country: str = Field(default="US", pattern="^[A-Z]{2}$")
    postal_address: str = ""
    sender: str = "hello@localhost"

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)


class Area(Part):
    """Where we work. No postal codes: everywhere."""

    postal_codes: list[str] = []


class Selection(Part):
    """What somebody asks for when they raise a hand."""

    intent: int = Field(ge=-100, le=100)
    hand_raise: bool = True
    questions: list[str] = []


class Score(Part):
    """Points of fit and intent; score = 0.4 fit + 0.6 intent, each between 0 and 100."""

    in_area: int = 30
    area_unknown: int = 10
    service_offered: int = 25
    valid_phone: int = 15
    valid_email: int = 10
    existing_client: int = 20
    long_message: int = 10
    repeat: int = 15
    hot_source: int = 15
    hot_sources: list[str] = ["referral", "lsa"]
    half_life_days: int = Field(default=7, ge=1)
    group_cap: int = 70
    qualifies_at: int = 50
    hot_at: int = 65


class Tier(Part):
    """A promise of sales: when an offer is answered and when the client is first reached. None: no clock."""

    accept_within_minutes: int = Field(ge=1)
    touch_within_minutes: int = Field(ge=1)

    @property
    def accept_within(self) -> timedelta:
        return timedelta(minutes=self.accept_within_minutes)


class Pool(Part):
    """Reps who share leads. `everyone`: every rep is in it."""

    everyone: bool = False


class Rule(Part):
    """First match wins. What is left out matches everything; the last rule must be such a catch-all."""

    name: str
    pool: str
    territory: str | None = None
    selection: list[str] = []
    tier: list[str] = []

    @property
    def is_catch_all(self) -> bool:
        return not (self.territory or self.selection or self.tier)


class Agreement(Part):
    company: Company = Company()
    area: Area = Area()
    selections: dict[str, Selection]
    score: Score = Score()
    tiers: dict[str, Tier]
    pools: dict[str, Pool]
    territories: dict[str, list[str]] = {}
    rules: list[Rule]
    max_attempts: int = Field(default=3, ge=1, le=20)
    decline_reasons: list[str] = []
    lost_reasons: list[str] = []
    recycle_reasons: list[str] = []


def hash_of(text: str) -> str:
    """What a decision names. Line ends do not count, everything else does."""
    return hashlib.sha256(text.replace("\r\n", "\n").encode()).hexdigest()


def parse(text: str) -> Agreement:
    """Read an agreement. Raises AgreementError with one sentence."""
    try:
        found = Agreement.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise AgreementError(f"This is not TOML: {error}.") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise AgreementError(f"In {place}: {first['msg']}.") from error
    _check(found)
    return found


def _check(agreement: Agreement) -> None:
    if not agreement.rules or not agreement.rules[-1].is_catch_all:
        raise AgreementError("The last rule must match every lead: give it only a name and a pool.")
    for rule in agreement.rules:
        if rule.pool not in agreement.pools:
            raise AgreementError(f"The rule {rule.name!r} names the pool {rule.pool!r}, which is not under [pools].")
        if rule.territory and rule.territory not in agreement.territories:
            raise AgreementError(f"The rule {rule.name!r} names the territory {rule.territory!r}, which is not listed.")
    if missing := {"P1", "P2", "P3"} - set(agreement.tiers):
        raise AgreementError(f"Under [tiers] these are missing: {', '.join(sorted(missing))}.")
