"""What may be said of a rep, by command, file or API."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from shared.agreement import Hours, Zone

ADDRESS = re.compile(r'[^@\s\x00-\x1f\x7f<>,;:"\\()\[\]]{1,64}@[^@\s\x00-\x1f\x7f<>,;:"\\()\[\]]{1,190}')


def _address(text: str) -> str:
    if not ADDRESS.fullmatch(text):
        raise ValueError("this is not an email address")
    return text.lower()


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("this is no time of our calendar, which has the years 1 to 9999 in UTC") from None


Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern="^[^\\x00-\\x1f\\x7f]*$")]
Words = Annotated[list[Word], Field(max_length=200)]
Address = Annotated[str, StringConstraints(strip_whitespace=True, max_length=254), AfterValidator(_address)]
Time = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Weight = Annotated[int, Field(ge=0, le=1000)]
Limit = Annotated[int, Field(ge=0, le=100_000)]


class Away(BaseModel):
    """When a rep is not there."""

    model_config = ConfigDict(extra="forbid")

    starts_at: Time
    ends_at: Time
    reason: Annotated[str, StringConstraints(max_length=200, pattern="^[^\\x00]*$")] = ""


class RepChanges(BaseModel):
    """What may be set on a rep; what is left out stays. `pools`: weight by pool, 0 leaves it; `weight`: in all of theirs."""

    model_config = ConfigDict(extra="forbid")

    name: Word | None = None
    email: Address | None = None
    pools: dict[Word, Weight] | None = Field(default=None, max_length=200)
    weight: Weight | None = None
    skills: Words | None = None
    languages: Words | None = None
    licences: Words | None = None
    territories: Words | None = None
    zone: Zone | None = None
    hours: Hours | None = None
    holidays: Word | None = None
    max_open: Limit | None = None
    max_per_day: Limit | None = None
    manager: bool | None = None
    on_call: bool | None = None
    away: list[Away] | None = Field(default=None, max_length=100)

    @model_validator(mode="after")
    def _weights_are_said_once(self) -> "RepChanges":
        if self.pools is not None and self.weight is not None:
            raise ValueError("a weight counts in all pools of a rep: leave it out where pools names each with its own")
        return self

    @model_validator(mode="after")
    def _works_at_some_time(self) -> "RepChanges":
        if self.hours and not any(self.hours.values()):
            raise ValueError("these hours are never: name the days they work with intervals, or pause the rep")
        return self


class NewRep(RepChanges):
    """A rep to be added: everything but name and address has a default."""

    name: Word
    email: Address
