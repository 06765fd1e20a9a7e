"""Business time agrees with a slow walk over every minute, in zones whose clocks change, with breaks and night shifts."""

from bisect import bisect_left
from datetime import UTC, date, datetime, timedelta
from functools import cache
from time import perf_counter
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.handoff.domain.calendar import DAYS, Calendar, NeverOpen, instant
from services.handoff.domain.routing import decide
from tests.services.handoff.people import NOW, RULE, lead, policy, rep, team

MINUTE = timedelta(minutes=1)
CHANGES = [  # a zone and the day its clocks change, or one beside it
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),  # by half an hour
    ("America/Sao_Paulo", date(2018, 11, 4)),  # at midnight
    ("Pacific/Apia", date(2011, 12, 30)),  # a whole day
    ("Africa/Casablanca", date(2026, 2, 15)),
    ("Asia/Kolkata", date(2026, 6, 1)),
]


@cache
def walk(zone: str, day: date) -> tuple[list[datetime], list[datetime]]:
    """Every minute of nine days: as an instant, and the latest local time shown until then."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=4)
    instants = [start + step * MINUTE for step in range(9 * 1440)]
    shown: list[datetime] = []
    for one in instants:
        local = one.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        shown.append(max(local, shown[-1]) if shown else local)
    return instants, shown


def open_minutes(zone: str, day: date, hours: dict[str, list[str]], special: dict[str, list[str]]) -> set[datetime]:
    """An interval is open from the first minute that shows its start, until the first that shows its end."""
    instants, shown = walk(zone, day)
    found: set[datetime] = set()
    for step in range(-4, 6):
        local = day + timedelta(days=step)
        for interval in special.get(local.isoformat(), hours.get(DAYS[local.weekday()], [])):
            first, last = (int(text[:2]) * 60 + int(text[3:]) for text in interval.split("-"))
            midnight = datetime(local.year, local.month, local.day)  # noqa: DTZ001  a local one
            opens = midnight + first * MINUTE
            closes = midnight + (last if last > first else last + 1440) * MINUTE
            found.update(instants[bisect_left(shown, opens) : bisect_left(shown, closes)])
    return found


minutes = st.integers(0, 95).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}")
intervals = st.tuples(minutes, minutes).filter(lambda pair: pair[0] != pair[1]).map("-".join)
weeks = st.dictionaries(st.sampled_from(DAYS), st.lists(intervals, max_size=3), min_size=4)


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(CHANGES),
    weeks,
    st.integers(-1, 1),
    st.lists(intervals, max_size=2),
    st.integers(0, 4320),
    st.integers(1, 2000),
)
def test_business_time_agrees_with_a_walk_over_every_minute(
    change: tuple[str, date], hours: dict[str, list[str]], offset: int, differs: list[str], start: int, length: int
) -> None:
    zone, day = change
    special = {(day + timedelta(days=offset)).isoformat(): differs}
    calendar, slow = Calendar(zone, hours, special), sorted(open_minutes(zone, day, hours, special))
    at = walk(zone, day)[0][2 * 1440 + start]
    until = at + length * MINUTE
    assert calendar.between(at, until) == MINUTE * len([one for one in slow if at <= one < until])
    assert calendar.is_open(at) == (at in slow)
    after = [one for one in slow if one >= at]
    if after:
        assert calendar.next_open(at) == after[0]
    if len(after) > length:
        assert calendar.add(at, length * MINUTE) == after[length - 1] + MINUTE
    before = [one for one in slow if one < at]
    if len(before) > length:
        assert calendar.add(at, -length * MINUTE) == before[-length]


def test_a_shift_past_midnight_belongs_to_the_day_it_begins_on() -> None:
    calendar = Calendar("Europe/Berlin", {"fri": ["22:00-06:00"]})
    assert calendar.is_open(datetime(2026, 6, 6, 3, 59, tzinfo=UTC))  # Saturday 05:59 in Berlin
    assert not calendar.is_open(datetime(2026, 6, 6, 4, 0, tzinfo=UTC))
    assert calendar.next_open(datetime(2026, 6, 6, 4, 0, tzinfo=UTC)) == datetime(2026, 6, 12, 20, 0, tzinfo=UTC)


def test_a_skipped_local_time_is_the_end_of_the_gap_and_a_repeated_one_its_first_occurrence() -> None:
    new_york = ZoneInfo("America/New_York")
    assert instant(new_york, date(2026, 3, 8), 150) == datetime(2026, 3, 8, 7, 0, tzinfo=UTC)
    assert instant(new_york, date(2026, 11, 1), 90) == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)


def test_without_hours_it_is_always_open_except_on_special_days() -> None:
    at = datetime(2026, 12, 25, 12, 0, tzinfo=UTC)
    assert Calendar("UTC", {}).next_open(at) == at
    assert Calendar("UTC", {}, {"2026-12-25": []}).next_open(at) == datetime(2026, 12, 26, tzinfo=UTC)


def test_hours_follow_the_pinned_zone_data_and_not_the_operating_system() -> None:
    """British Columbia stays on summer time from November 2026 on; zone data of 2025 does not know it."""
    vancouver = Calendar("America/Vancouver", {"mon": ["09:00-17:00"]})
    assert vancouver.next_open(datetime(2026, 11, 2, 0, 0, tzinfo=UTC)) == datetime(2026, 11, 2, 16, 0, tzinfo=UTC)


def test_a_calendar_without_any_open_time_says_so() -> None:
    with pytest.raises(NeverOpen):
        Calendar("UTC", {"mon": []}).next_open(datetime(2026, 1, 1, tzinfo=UTC))


def test_a_closed_week_is_open_on_special_days_only() -> None:
    closed = {day: [] for day in DAYS}
    calendar = Calendar("UTC", closed, {"2026-12-24": ["22:00-06:00"], "2026-12-31": []})
    opens, closes = datetime(2026, 12, 24, 22, 0, tzinfo=UTC), datetime(2026, 12, 25, 6, 0, tzinfo=UTC)
    assert calendar.next_open(opens - timedelta(days=100)) == opens
    assert calendar.next_open(closes - MINUTE) == closes - MINUTE
    assert calendar.add(closes + timedelta(days=100), -8 * 60 * MINUTE) == opens
    assert calendar.between(opens - timedelta(days=9), closes + timedelta(days=9)) == timedelta(hours=8)
    for late in (closes, closes + timedelta(days=9)):
        with pytest.raises(NeverOpen):
            calendar.next_open(late)


def test_a_pool_that_is_closed_for_good_keeps_nobody_waiting_for_a_decision() -> None:
    found = policy("[pools.team]\neveryone = true\nhours = { mon-sun = [] }\n" + RULE)
    begun = perf_counter()
    outcome = decide(found, {"team": team(found, [rep(number) for number in range(50)])}, lead(found), NOW)
    assert (outcome.kind, outcome.until) == ("held", None)
    assert perf_counter() - begun < 1
