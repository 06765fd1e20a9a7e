"""Working hours as people write them: days with intervals, breaks between them, shifts past midnight."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_INTERVAL = re.compile(r"([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)")


def _expand(value: Any) -> Any:
    """`mon-fri` stands for five days; a day named by several keys has the intervals of all."""
    if not isinstance(value, Mapping):
        return value
    found: dict[str, list[Any]] = {}
    for key, intervals in value.items():
        for day in _days(str(key).lower()):
            found.setdefault(day, []).extend(intervals if isinstance(intervals, list) else [intervals])
    return {day: found[day] for day in DAYS if day in found}


def _days(key: str) -> list[str]:
    first, _, last = key.partition("-")
    if first not in DAYS or (last or first) not in DAYS:
        raise ValueError(f"{key!r} is not a day such as mon, nor days such as mon-fri")
    start, count = DAYS.index(first), (DAYS.index(last or first) - DAYS.index(first)) % 7 + 1
    return [DAYS[(start + step) % 7] for step in range(count)]


def _interval(text: str) -> str:
    if not _INTERVAL.fullmatch(text):
        raise ValueError(f"{text!r} is not an interval such as 09:00-17:00")
    if text[:5] == text[6:]:
        raise ValueError(f"{text!r} is empty: the whole day is 00:00-24:00")
    return text


def _day_of_year(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError(f"{text!r} is not a date such as 2026-12-25") from None


Interval = Annotated[str, AfterValidator(_interval)]
Hours = Annotated[dict[str, list[Interval]], BeforeValidator(_expand)]
"""Intervals by day: {"mon": ["09:00-12:00", "13:00-17:00"], "fri": ["22:00-06:00"]}. Nothing: always open."""
Holidays = dict[Annotated[str, AfterValidator(_day_of_year)], list[Interval]]
"""Intervals by date, instead of the weekday's; none: closed that day."""


def hours_from_text(text: str) -> dict[str, list[str]]:
    """`mon-fri 09:00-12:00 13:00-17:00; sat 10:00-14:00`, as it stands in one cell. Raises ValueError with a sentence."""
    found: dict[str, list[str]] = {}
    for part in filter(str.strip, text.split(";")):
        key, *intervals = part.split()
        if not intervals:
            raise ValueError(f"{part.strip()!r} names days without intervals: write for example mon-fri 09:00-17:00")
        for day, found_intervals in _expand({key: [_interval(one) for one in intervals]}).items():
            found.setdefault(day, []).extend(found_intervals)
    return {day: found[day] for day in DAYS if day in found}
