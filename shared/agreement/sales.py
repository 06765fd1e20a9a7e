"""What sales answers for: how fast, who shares leads, and which rule sends a lead where."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, model_validator

from shared.agreement.base import Part, Zone
from shared.agreement.hours import Hours

Percent = Annotated[int, Field(ge=1, le=99)]


class Tier(Part):
    """A promise: when an offer is answered, when the client is first reached, and what happens after hours.

    `clock`: business counts in the pool's hours, always runs day and night. `after_hours`: hold until somebody works,
    wake those on call (then hold), or offer at once to a rep whose clock starts when their pool opens.
    `sticky_grace_minutes`: how long a returning client waits for the rep who knows them.
    """

    accept_within_minutes: int = Field(ge=1, le=100_000)
    touch_within_minutes: int = Field(ge=1, le=100_000)
    warn_at_percent: list[Percent] = Field(default=[50, 80], max_length=9)
    clock: Literal["business", "always"] = "business"
    after_hours: Literal["hold", "on_call", "offer"] = "hold"
    sticky_grace_minutes: int = Field(default=0, ge=0, le=10_000)

    @property
    def accept_within(self) -> timedelta:
        return timedelta(minutes=self.accept_within_minutes)

    @property
    def touch_within(self) -> timedelta:
        return timedelta(minutes=self.touch_within_minutes)


class Pool(Part):
    """Reps who share leads. `everyone`: every rep is in it. Without hours it is always open.

    `skills`, `licences`: what each of its reps must have to get a lead here. `overflow`: the pool that helps out when
    nobody here can. `sticky`: a returning client goes to the rep who knows them. `catch_up`: who was away catches up, by at
    most two leads; otherwise an absence earns nothing.
    """

    everyone: bool = False
    zone: Zone | None = None
    hours: Hours = {}
    holidays: str | None = None
    skills: list[str] = []
    licences: list[str] = []
    overflow: str | None = None
    sticky: bool = True
    catch_up: bool = False
    hold_minutes: int | None = Field(default=None, ge=1, le=100_000)


class Range(Part):
    """A number between two bounds, either of which may be missing."""

    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _has_a_bound(self) -> "Range":
        if self.at_least is None and self.at_most is None:
            raise ValueError("a range needs at_least, at_most or both")
        return self


Scalar = bool | int | float | str
Test = Range | list[Scalar] | Scalar


class Rule(Part):
    """First match wins. What is left out matches everything; the last rule must be such a catch-all.

    A postal code may end in * and then stands for all that begin so. `answers` tests what the client said: equal to a
    value, one of a list, or a number in a range. `skills`, `licences`: what the rep must have besides what the pool asks.
    """

    name: str = Field(min_length=1, max_length=200)
    pool: str
    territory: str | None = None
    postal_code: list[str] = []
    selection: list[str] = []
    tier: list[str] = []
    form: list[str] = []
    source: list[str] = []
    language: list[str] = []
    answers: dict[str, Test] = {}
    skills: list[str] = []
    licences: list[str] = []

    @property
    def is_catch_all(self) -> bool:
        tests = (self.territory, self.postal_code, self.selection, self.tier)
        return not any((*tests, self.form, self.source, self.language, self.answers))


class Metric(Part):
    """The one definition of a number on the scoreboard. A change of meaning gets a new version, and restates history.

    `implied`: whether a step counts that nobody reported but a later one implies. `ends_at`: where speed to lead stops.
    `reasons`: the rejections that this number is about.
    """

    text: str
    version: int = Field(default=1, ge=1)
    implied: bool = True
    ends_at: Literal["accepted", "contacted"] = "contacted"
    reasons: list[str] = []


class Promises(Part):
    """What the teams promise each other, in percent; the scoreboard shows them beside what was kept."""

    contactable: int = Field(default=90, ge=0, le=100)
    accepted: int = Field(default=80, ge=0, le=100)
    sla_kept: int = Field(default=90, ge=0, le=100)
