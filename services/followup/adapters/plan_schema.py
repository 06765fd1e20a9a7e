"""The keys of a plan file and what they become. An unknown key is an error, never a surprise."""

import re
from collections.abc import Mapping
from datetime import date, time
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator

from services.followup.domain.caps import Cap
from services.followup.domain.holidays import HOLIDAYS
from services.followup.domain.plans import (
    CHANNELS,
    After,
    Enrol,
    Monthly,
    Plan,
    Reentry,
    Repeat,
    Rules,
    Season,
    Silence,
    Step,
    Timing,
    Yearly,
)
from services.followup.domain.slots import WEEKDAYS
from services.followup.domain.spans import Span, parse_span
from services.followup.domain.windows import WHOLE_DAY, Window

NTH = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}
TIMINGS = ("after", "monthly", "yearly_from", "season", "silence")
FACTS = (
    "review.received",
    "referral.won",
    "job.booked",
    "job.completed",
    "complaint.opened",
    "satisfaction.low",
    "satisfaction.high",
)


class Wrong(ValueError):
    """Keys that do not go together; `path` is where."""

    def __init__(self, path: list[str], sentence: str) -> None:
        super().__init__(sentence)
        self.path = path


def _span(value: Any) -> Span:
    return parse_span(value) if isinstance(value, str) else parse_span("")


def _cap(value: Any) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9]\d{0,3}) per ([1-9]\d{0,2}) days?", value) if isinstance(value, str) else None
    if found is None:
        raise ValueError('write a cap as "1 per 7 days"; to send nothing, leave the steps out')
    return int(found[1]), int(found[2])


def _monthly(value: Any) -> tuple[int, int]:
    nth, _, weekday = str(value).partition(" ")
    if nth not in NTH or weekday.capitalize() not in WEEKDAYS:
        raise ValueError('write a day of the month as "first tuesday" or "last friday"')
    return NTH[nth], WEEKDAYS.index(weekday.capitalize())


def _month_day(value: Any) -> tuple[int, int]:
    try:
        day = date.fromisoformat(f"2023-{value}")  # a common year: 29 February is no day of a season
    except ValueError:
        raise ValueError('write month and day as "10-01"') from None
    return day.month, day.day


def _list(value: Any) -> list[str]:
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise ValueError("write one word, or a list of words")
    return found


def _facts(value: Any) -> list[str]:
    found = _list(value)
    for one in found:
        if one.partition(":")[0] not in FACTS:
            raise ValueError(f"{one!r} is nothing we hear of; known are {', '.join(FACTS)}")
    return found


def _skip(value: Any) -> list[str | date]:
    found = value if isinstance(value, list) else [value]
    for one in found:
        if not isinstance(one, date) and str(one) not in _SKIPPABLE:
            raise ValueError(f"{one!r} is no day to skip; known are {', '.join(_SKIPPABLE)}, or a date like 2026-12-24")
    return found


_SKIPPABLE = ("weekends", *(name.lower() for name in WEEKDAYS), *HOLIDAYS)
SpanText = Annotated[Span, PlainValidator(_span)]
CapText = Annotated[tuple[int, int], PlainValidator(_cap)]
MonthDay = Annotated[tuple[int, int], PlainValidator(_month_day)]
Words = Annotated[list[str], PlainValidator(_list)]
Facts = Annotated[list[str], PlainValidator(_facts)]
Days = Annotated[list[Any], PlainValidator(_skip)]
Roll = Literal["forward", "backward", "nearest", "drop"]
Doubt = Literal["drop", "resend"]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RepeatPart(Part):
    every: SpanText
    times: int = Field(ge=1, le=12)


class SeasonPart(Part):
    opens: MonthDay = Field(alias="from")
    closes: MonthDay = Field(alias="to")


class SpreadPart(Part):
    bookings_per_day: float = Field(gt=0)
    response: float = Field(default=1.0, gt=0, le=1)  # bookings per touch


class SilencePart(Part):
    of: Literal["job"] = "job"
    span: SpanText = Field(alias="for")


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
    monthly: Annotated[tuple[int, int], PlainValidator(_monthly)] | None = None
    months: list[Annotated[int, Field(ge=1, le=12)]] | None = None
    yearly_from: str | None = Field(
        default=None, pattern=r"^(job\.completed_on|lead\.qualified_on|asset\.[a-z_]+\.(installed_on|warranty_until))$"
    )
    shift: SpanText = Span(0, "day")
    season: SeasonPart | None = None
    spread: SpreadPart | None = None
    silence: SilencePart | None = None
    once_per: SpanText = Span(12, "month")
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

    def plan_of(self) -> Plan:
        for name in self.priority:
            if name not in self.step:
                raise Wrong(["priority"], f"{name!r} is no step of this plan: take it out, or add [step.{name}]")
        caps = _caps("caps", self.caps)
        if self.spacing is not None:
            caps += (Cap("not_service", 1, max(self.spacing.days, 1)),)
        return Plan(
            key=self.plan,
            version=self.version,
            steps=tuple(_step(self, key, part) for key, part in self.step.items()),
            enrol=_enrol(self.enrol),
            on_doubt=_doubt(self.on_doubt),
            pause_when=frozenset(self.pause_when),
            stop_when=frozenset(self.stop_when),
            caps=caps,
            household_caps=_caps("household_caps", self.household_caps),
            household_days=self.household.days,
        )


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


def _doubt(given: str | Mapping[Any, str]) -> dict[str, str]:
    return {"default": given} if isinstance(given, str) else {str(purpose): way for purpose, way in given.items()}


def _caps(place: str, caps: dict[str, tuple[int, int]]) -> tuple[Cap, ...]:
    counted = ("service", "review", "referral", "marketing", "newsletter", *CHANNELS, "any", "not_service")
    for name in caps:
        if name not in counted:
            raise Wrong([place, name], f"A cap counts one of {', '.join(counted)}")
    return tuple(Cap(name, limit, days) for name, (limit, days) in caps.items())


def _enrol(part: EnrolPart) -> Enrol:
    where = part.where
    wanted = {name: frozenset(found) for name in ("trade", "outcome") if (found := getattr(where, name))}
    unwanted = {name: frozenset(found) for name in ("trade", "outcome") if (found := getattr(where, f"not_{name}"))}
    return Enrol(part.event, wanted, unwanted, part.subject, Reentry(part.reentry.mode, part.reentry.after))


def _step(file: PlanFile, key: str, part: StepPart) -> Step:
    for channel in part.channel:
        if channel not in CHANNELS:
            raise Wrong(["step", key, "channel"], f"A channel is one of {', '.join(CHANNELS)}")
    if part.at is not None and part.between is not None:
        raise Wrong(["step", key, "between"], "Give either at or between")
    if part.between is not None and part.between[0] >= part.between[1]:
        raise Wrong(["step", key, "between"], "between goes from the earlier to the later time")
    order = [*file.priority, *(name for name in file.step if name not in file.priority)]
    return Step(
        key=key,
        purpose=part.purpose,
        channels=tuple(part.channel),
        timing=_timing(key, part),
        template=part.template or key,
        expires=part.expires,
        rules=_rules(key, file.calendar, part),
        at=part.at or time(10),
        between=part.between,
        repeat=Repeat(part.repeat.every, part.repeat.times) if part.repeat else None,
        until=frozenset(part.until),
        missing=part.missing,
        rank=order.index(key),
        when={name: frozenset(words) for name, words in part.when.items()},
    )


def _timing(key: str, part: StepPart) -> Timing:
    given = [name for name in TIMINGS if getattr(part, name) is not None]
    if len(given) != 1:
        raise Wrong(["step", key], f"Give exactly one of {', '.join(TIMINGS)}")
    for name, needs in (("on", "after"), ("repeat", "after"), ("months", "monthly"), ("spread", "season")):
        if getattr(part, name) is not None and given != [needs]:
            raise Wrong(["step", key, name], f"{name} goes with {needs}")
    if part.monthly is not None:
        return Monthly(*part.monthly, frozenset(part.months or range(1, 13)))
    if part.yearly_from is not None:
        return Yearly(part.yearly_from, part.shift)
    if part.season is not None:
        per_day = max(1, int(part.spread.bookings_per_day / part.spread.response)) if part.spread else None
        return Season(part.season.opens, part.season.closes, per_day)
    if part.silence is not None:
        return Silence(part.silence.span, part.once_per)
    assert part.after is not None  # noqa: S101
    if part.after.count < 0:
        raise Wrong(["step", key, "after"], "A step comes after its event, not before it")
    return After(part.after, part.on[0] if part.on else None)


def _rules(key: str, calendar: CalendarPart, part: StepPart) -> Rules:
    """A step's own keys come first; the plan's window and days off are not for service mail."""
    own = part.purpose == "service"
    window = part.window or (None if own else calendar.window)
    if window is not None and window[0] >= window[1]:
        raise Wrong(["step", key, "window"], "A window goes from the earlier to the later time")
    skip = part.skip if part.skip is not None else [] if own else calendar.skip or []
    names = {one for one in skip if isinstance(one, str)}
    blackouts = part.blackouts if part.blackouts is not None else [] if own else calendar.blackouts or []
    days = [(one, one) for one in skip if isinstance(one, date)]
    weekdays = {number for number, name in enumerate(WEEKDAYS) if name.lower() in names or ("weekends" in names and number > 4)}
    return Rules(
        window=Window(*window) if window else WHOLE_DAY,
        weekdays=frozenset(weekdays),
        holidays=frozenset(names & set(HOLIDAYS)),
        blackouts=(*days, *((one.first, one.last) for one in blackouts)),
        roll=part.roll or calendar.roll or "forward",
        max_roll=(part.max_roll or calendar.max_roll or Span(5, "day")).days,
        on_cap=part.on_cap or calendar.on_cap or "roll",
    )
