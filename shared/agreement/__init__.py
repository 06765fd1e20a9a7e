"""The agreement between marketing and sales: its schema and its hash, no more. Handoff owns it, all three read it."""

import hashlib
import tomllib

from pydantic import Field, ValidationError

from shared.agreement.base import AgreementError, Part, Zone
from shared.agreement.hours import DAYS, Holidays, Hours, hours_from_text
from shared.agreement.marketing import Area, Company, Score, Selection
from shared.agreement.sales import Metric, Pool, Promises, Range, Rule, Tier

__all__ = [
    "DAYS",
    "Agreement",
    "AgreementError",
    "Area",
    "Company",
    "Holidays",
    "Hours",
    "Metric",
    "Part",
    "Pool",
    "Promises",
    "Range",
    "Rule",
    "Score",
    "Selection",
    "Tier",
    "Zone",
    "hash_of",
    "hours_from_text",
    "parse",
]


class Agreement(Part):
    """`hold_minutes`: when a lead nobody could take is escalated. `refund_reasons`: rejections that give a turn back."""

    company: Company = Company()
    area: Area = Area()
    selections: dict[str, Selection]
    score: Score = Score()
    tiers: dict[str, Tier]
    pools: dict[str, Pool]
    territories: dict[str, list[str]] = {}
    holidays: dict[str, Holidays] = {}
    rules: list[Rule]
    max_attempts: int = Field(default=3, ge=1, le=20)
    hold_minutes: int = Field(default=60, ge=1, le=100_000)
    sticky_days: int = Field(default=180, ge=0, le=3650)
    decline_reasons: list[str] = []
    lost_reasons: list[str] = []
    recycle_reasons: list[str] = []
    refund_reasons: list[str] = ["invalid", "wrong number", "spam", "duplicate", "out of area", "test"]
    metrics: dict[str, Metric] = {}
    promises: Promises = Promises()


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
    names = [rule.name for rule in agreement.rules]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise AgreementError(f"Two rules are named {twice!r}: give each a name of its own.")
    for rule in agreement.rules:
        if rule.pool not in agreement.pools:
            raise AgreementError(f"The rule {rule.name!r} names the pool {rule.pool!r}, which is not under [pools].")
        if rule.territory and rule.territory not in agreement.territories:
            raise AgreementError(f"The rule {rule.name!r} names the territory {rule.territory!r}, which is not listed.")
    for name, pool in agreement.pools.items():
        if pool.overflow and pool.overflow not in agreement.pools:
            raise AgreementError(f"The pool {name!r} overflows into {pool.overflow!r}, which is not under [pools].")
        if pool.holidays and pool.holidays not in agreement.holidays:
            raise AgreementError(f"The pool {name!r} keeps the holidays {pool.holidays!r}, which are not under [holidays].")
    if missing := {"P1", "P2", "P3"} - set(agreement.tiers):
        raise AgreementError(f"Under [tiers] these are missing: {', '.join(sorted(missing))}.")
