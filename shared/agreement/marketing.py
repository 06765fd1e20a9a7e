"""What marketing answers for: who the company is, where it works, what a hand-raise is worth."""

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
