"""What every part of the agreement is made of: frozen, strict, and mistakes that name the place."""

from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict


class AgreementError(ValueError):
    """The text is not an agreement; the message names the place and what to do."""


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is not an IANA time zone such as America/New_York")
    return name


Zone = Annotated[str, AfterValidator(_zone)]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
