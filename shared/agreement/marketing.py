"""What marketing answers for: who the company is, where it works, what a hand-raise is worth."""

from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from shared.agreement.base import Part, Zone


class Company(Part):
    name: str = "Our company"
    zone: Zone = "UTC"
    country: str = Field(default="US", pattern="^[A-Z]{2}$")
    postal_address: str = ""
    sender: str = "hello@localhost"

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)


class Area(Part):
    """Where we work. No postal codes: everywhere. `referral`: what we say to people from elsewhere."""

    postal_codes: list[str] = []
    referral: str = Field(default="", max_length=1000)


class Selection(Part):
    """What somebody asks for when they raise a hand."""

    intent: int = Field(ge=-100, le=100)
    hand_raise: bool = True
    questions: list[str] = []


class AnswerPoints(Part):
    """What an answer of the form is worth, for example owner = yes."""

    answer: str
    values: list[str]
    points: int = Field(ge=-100, le=100)
    axis: Literal["fit", "intent"] = "fit"


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
    phone_call: int = 20
    disposable_email: int = -30
    not_interested: int = -25
    answers: list[AnswerPoints] = []
    grades: list[int] = Field(default=[75, 50, 25], min_length=3, max_length=3)  # A or 1 from the first on; below: D or 4
    half_life_days: int = Field(default=7, ge=1)
    group_cap: int = 70
    qualifies_at: int = 50
    hot_at: int = 65
