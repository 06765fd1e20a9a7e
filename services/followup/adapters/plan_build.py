"""A plan file as a plan: which keys go together, and what a step takes from the plan around it."""

from collections.abc import Mapping
from datetime import date, time
from typing import Any

from services.followup.adapters.plan_schema import CalendarPart, EnrolPart, PlanFile, StepPart
from services.followup.adapters.plan_words import MOST_DAYS
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
    same_word,
)
from services.followup.domain.slots import WEEKDAYS
from services.followup.domain.spans import Span
from services.followup.domain.windows import WHOLE_DAY, Window

TIMINGS = ("after", "monthly", "yearly_from", "season", "silence")


class Wrong(ValueError):
    """Keys that do not go together; `path` is where."""

    def __init__(self, path: list[str], sentence: str) -> None:
        super().__init__(sentence)
        self.path = path


def build_plan(file: PlanFile) -> Plan:
    """Raises Wrong where keys do not go together."""
    for name in file.priority:
        if name not in file.step:
            raise Wrong(["priority"], f"{name!r} is no step of this plan: take it out, or add [step.{name}]")
    caps = _caps("caps", file.caps)
    if file.spacing is not None:
        caps += (Cap("not_service", 1, max(file.spacing.days, 1)),)
    return Plan(
        key=file.plan,
        version=file.version,
        steps=tuple(_step(file, key, part) for key, part in file.step.items()),
        enrol=_enrol(file.enrol),
        on_doubt=_doubt(file.on_doubt),
        pause_when=frozenset(file.pause_when),
        stop_when=frozenset(file.stop_when),
        caps=caps,
        household_caps=_caps("household_caps", file.household_caps),
        household_days=file.household.days,
    )


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
    wanted = {name: frozenset(map(same_word, found)) for name in ("trade", "outcome") if (found := getattr(where, name))}
    unwanted = {
        name: frozenset(map(same_word, found)) for name in ("trade", "outcome") if (found := getattr(where, f"not_{name}"))
    }
    return Enrol(part.event, wanted, unwanted, part.subject, Reentry(part.reentry.mode, part.reentry.after))


def _step(file: PlanFile, key: str, part: StepPart) -> Step:
    if not part.channel:
        raise Wrong(["step", key, "channel"], f"Name a channel: {', '.join(CHANNELS)}")
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
        when={name: frozenset(map(same_word, words)) for name, words in part.when.items()},
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
        if part.once_per.count < 0:
            raise Wrong(["step", key, "once_per"], "This is more than nothing: at least 1")
        return Silence(part.silence.span, part.once_per)
    assert part.after is not None  # noqa: S101
    if not 0 <= part.after.days < MOST_DAYS:
        raise Wrong(["step", key, "after"], "A step comes after its event, not before it, and within a hundred years")
    return After(part.after, part.on[0] if part.on else None)


def _rules(key: str, calendar: CalendarPart, part: StepPart) -> Rules:
    """A step's own keys come first; the plan's window and days off are not for service mail."""
    own = part.purpose == "service"
    window = part.window or (None if own else calendar.window)
    if window is not None and (any(one.tzinfo for one in window) or window[0] >= window[1]):
        raise Wrong(["step", key, "window"], "A window goes from the earlier to the later time, written like 08:00:00")
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
