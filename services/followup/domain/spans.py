"""A span of time as people say it ("2 hours", "3 months"), and calendar arithmetic that never drifts."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

_ELAPSED = {"minute": 60, "hour": 3600}
_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "year": 12}
_FORM = re.compile(r"(-?\d{1,4}) (minute|hour|day|week|month|year)s?")


@dataclass(frozen=True, slots=True)
class Span:
    """Minutes and hours are elapsed time; days, weeks, months and years are steps on the calendar."""

    count: int
    unit: str

    @property
    def is_elapsed(self) -> bool:
        return self.unit in _ELAPSED

    @property
    def elapsed(self) -> timedelta:
        """As elapsed time; a month counts 31 days, a year 366: for limits, never for dates."""
        seconds = _ELAPSED.get(self.unit, 0) or 86_400 * (_DAYS.get(self.unit) or {"month": 31, "year": 366}[self.unit])
        return timedelta(seconds=self.count * seconds)

    @property
    def days(self) -> int:
        return self.elapsed.days

    def after(self, day: date, times: int = 1) -> date:
        """So many spans after a day, from that day in one step: 31 January + 1 month is the last of February."""
        if self.is_elapsed:
            return day + timedelta(days=self.days * times)
        if self.unit in _DAYS:
            return day + timedelta(days=self.count * times * _DAYS[self.unit])
        return months_later(day, self.count * times * _MONTHS[self.unit])

    def __str__(self) -> str:
        return f"{self.count} {self.unit}{'' if abs(self.count) == 1 else 's'}"


def parse_span(text: str) -> Span:
    """Raises ValueError with what a span looks like."""
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise ValueError('write a span as a number and a unit, for example "2 hours", "10 days" or "3 months"')
    return Span(int(found[1]), found[2])


def months_later(day: date, months: int) -> date:
    """The same day of a later month, or that month's last: 29 February becomes the 28th in common years."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def nth_weekday(year: int, month: int, nth: int, weekday: int) -> date:
    """The nth (1-4) or the last (-1) Monday, Tuesday, … of a month."""
    if nth < 0:
        last = date(year, month, monthrange(year, month)[1])
        return last - timedelta(days=(last.weekday() - weekday) % 7)
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))
