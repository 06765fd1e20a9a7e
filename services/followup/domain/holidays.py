"""Holidays that can be worked out: no list that ends in some year."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import lru_cache

from services.followup.domain.spans import nth_weekday

MONDAY, THURSDAY, SATURDAY, SUNDAY = 0, 3, 5, 6


@lru_cache(maxsize=64)
def us_federal_holidays(year: int) -> Mapping[date, str]:
    """5 U.S.C. 6103. One on a Saturday is kept on Friday, one on a Sunday on Monday; the day itself counts as well."""
    fixed = {
        date(year, 1, 1): "New Year's Day",
        date(year, 6, 19): "Juneteenth",
        date(year, 7, 4): "Independence Day",
        date(year, 11, 11): "Veterans Day",
        date(year, 12, 25): "Christmas Day",
        date(year + 1, 1, 1): "New Year's Day",
    }
    found = {
        nth_weekday(year, 1, 3, MONDAY): "Martin Luther King Jr. Day",
        nth_weekday(year, 2, 3, MONDAY): "Washington's Birthday",
        nth_weekday(year, 5, -1, MONDAY): "Memorial Day",
        nth_weekday(year, 9, 1, MONDAY): "Labor Day",
        nth_weekday(year, 10, 2, MONDAY): "Columbus Day",
        nth_weekday(year, 11, 4, THURSDAY): "Thanksgiving Day",
    }
    for day, name in fixed.items():
        kept = day + timedelta(days={SATURDAY: -1, SUNDAY: 1}.get(day.weekday(), 0))
        found |= {day: name, kept: name}
    return {day: name for day, name in found.items() if day.year == year}


HOLIDAYS: Mapping[str, Callable[[int], Mapping[date, str]]] = {"us_federal_holidays": us_federal_holidays}
