"""The keys of a plan file. An unknown key is an error, never a surprise."""

from datetime import date, time
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.followup.adapters.plan_words import (
    CapText,
    Days,
    DaysText,
    Doubt,
    Facts,
    MonthDay,
    NthWeekday,
    Roll,
    SpanText,
    Words,
)
from services.followup.domain.spans import Span


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RepeatPart(Part):
    every: DaysText
    times: int = Field(ge=1, le=12)


class SeasonPart(Part):
    opens: MonthDay = Field(alias="from")
    closes: MonthDay = Field(alias="to")


class SpreadPart(Part):
    bookings_per_day: float = Field(gt=0)
    response: float = Field(default=1.0, gt=0, le=1)  # bookings per touch


class SilencePart(Part):
    of: Literal["job"] = "job"
    span: DaysText = Field(alias="for")


class BlackoutPart(Part):
    first: date = Field(alias="from")
    last: date = Field(alias="to")


class CalendarPart(Part):
    """Also the keys a step may have for itself."""

    window: tuple[time, time] | None = None
    skip: Days | None = None
    blackouts: list[BlackoutPart] | None = None
    roll: Roll | None = None
    max_roll: SpanText | None = None
    on_cap: Literal["roll", "drop"] | None = None


class StepPart(CalendarPart):
    purpose: Literal["service", "review", "referral", "marketing", "newsletter"]
    channel: Words = ["email"]
    template: str | None = Field(default=None, pattern=r"^[a-z0-9_{}-]{1,60}$")
    missing: Literal["fail", "skip"] = "fail"
    expires: SpanText = Span(7, "day")
    at: time | None = None
    between: tuple[time, time] | None = None
    after: SpanText | None = None
    on: Facts | None = None
    monthly: NthWeekday | None = None
    months: list[Annotated[int, Field(ge=1, le=12)]] | None = None
    yearly_from: str | None = Field(
        default=None, pattern=r"^(job\.completed_on|lead\.qualified_on|asset\.[a-z_]+\.(installed_on|warranty_until))$"
    )
    shift: DaysText = Span(0, "day")
    season: SeasonPart | None = None
    spread: SpreadPart | None = None
    silence: SilencePart | None = None
    once_per: DaysText = Span(12, "month")
    repeat: RepeatPart | None = None
    until: Facts = []
    when: dict[Literal["trade", "outcome", "satisfaction"], Words] = {}


class ReentryPart(Part):
    mode: Literal["never", "ignore_while_live", "restart_cycle"] = "never"
    after: SpanText = Span(0, "day")


class WherePart(Part):
    trade: Words | None = None
    outcome: Words | None = None
    not_trade: Words | None = None
    not_outcome: Words | None = None


class EnrolPart(Part):
    event: Literal["job.completed", "lead.qualified"] = "job.completed"
    where: WherePart = WherePart()
    subject: Literal["job", "client"] = "job"
    reentry: ReentryPart = ReentryPart()


class PlanFile(Part):
    plan: str = Field(pattern="^[a-z][a-z0-9-]{0,60}$")
    version: int = Field(ge=1, le=1_000_000)
    priority: list[str] = []
    on_doubt: Doubt | dict[Literal["service", "review", "referral", "marketing", "newsletter", "default"], Doubt] = "drop"
    pause_when: list[Literal["complaint.open", "conversation.open", "job.open"]] = []
    stop_when: list[Literal["client.moved", "client.erased", "client.asked_to_stop"]] = [
        "client.moved",
        "client.erased",
        "client.asked_to_stop",
    ]
    caps: dict[str, CapText] = {}
    household_caps: dict[str, CapText] = {}
    spacing: SpanText | None = None
    household: SpanText = Span(30, "day")
    enrol: EnrolPart = EnrolPart()
    calendar: CalendarPart = CalendarPart()
    step: dict[Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,40}$")], StepPart] = Field(min_length=1, max_length=60)


def known_keys(path: list[str]) -> list[str]:
    """The keys that are known where an unknown one was found."""
    models = {"step": StepPart, "enrol": EnrolPart, "calendar": CalendarPart}
    inner = {
        "repeat": RepeatPart,
        "season": SeasonPart,
        "spread": SpreadPart,
        "silence": SilencePart,
        "where": WherePart,
        "reentry": ReentryPart,
        "blackouts": BlackoutPart,
    }
    around = [part for part in path[:-1] if part in inner]
    model: Any = inner[around[-1]] if around else models.get(path[0], PlanFile) if len(path) > 1 else PlanFile
    return [field.alias or name for name, field in model.model_fields.items()]
