"""How single values of a plan file are written: spans, caps, days of the month, days to skip."""

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import PlainValidator

from services.followup.domain.holidays import HOLIDAYS
from services.followup.domain.slots import WEEKDAYS
from services.followup.domain.spans import Span, parse_span

MOST_DAYS = 100 * 366
NTH = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}
FACTS = (
    "review.received",
    "referral.won",
    "job.booked",
    "complaint.opened",
    "satisfaction.low",
    "satisfaction.high",
)


def _span(value: Any) -> Span:
    return parse_span(value) if isinstance(value, str) else parse_span("")


def _days(value: Any) -> Span:
    span = _span(value)
    if span.is_elapsed or not -MOST_DAYS < span.days < MOST_DAYS:
        raise ValueError("this is counted in days, weeks, months or years, a hundred years at most")
    return span


def _cap(value: Any) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9]\d{0,3}) per ([1-9]\d{0,2}) days?", value) if isinstance(value, str) else None
    if found is None:
        raise ValueError('write a cap as "1 per 7 days"; to send nothing, leave the steps out')
    return int(found[1]), int(found[2])


def _nth_weekday(value: Any) -> tuple[int, int]:
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
        if one not in FACTS:
            raise ValueError(f"{one!r} is nothing we hear of; known are {', '.join(FACTS)}")
    return found


def _skip(value: Any) -> list[str | date]:
    found = value if isinstance(value, list) else [value]
    for one in found:
        if type(one) is not date and str(one) not in _SKIPPABLE:
            raise ValueError(f"{one!r} is no day to skip; known are {', '.join(_SKIPPABLE)}, or a date like 2026-12-24")
    return found


_SKIPPABLE = ("weekends", *(name.lower() for name in WEEKDAYS), *HOLIDAYS)
DaysText = Annotated[Span, PlainValidator(_days)]
SpanText = Annotated[Span, PlainValidator(_span)]
CapText = Annotated[tuple[int, int], PlainValidator(_cap)]
MonthDay = Annotated[tuple[int, int], PlainValidator(_month_day)]
NthWeekday = Annotated[tuple[int, int], PlainValidator(_nth_weekday)]
Words = Annotated[list[str], PlainValidator(_list)]
Facts = Annotated[list[str], PlainValidator(_facts)]
Days = Annotated[list[Any], PlainValidator(_skip)]
Roll = Literal["forward", "backward", "nearest", "drop"]
Doubt = Literal["drop", "resend"]
