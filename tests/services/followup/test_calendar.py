"""Every slot is inside its window, the same twice, and what a second, slow implementation says; caps are kept."""

import itertools
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.followup.adapters.calendar_data import quiet_hours
from services.followup.adapters.plan_files import read_plan
from services.followup.domain.caps import Cap, Touched, broken_cap
from services.followup.domain.forecast import Household, forecast
from services.followup.domain.occurrences import Anchors, Happened, Occurrence, occurrences
from services.followup.domain.plans import After, Rules, Step
from services.followup.domain.slots import Asked, Skip, Slot, slot
from services.followup.domain.spans import Span, months_later, parse_span
from services.followup.domain.windows import Place, instant, legal_window
from tests.services.followup import calendar_proof as proof

NEW_YORK = ZoneInfo("America/New_York")
ZONES = st.sampled_from(proof.every_zone())
DAYS = st.dates(proof.FIRST, proof.FIRST + timedelta(days=proof.DAYS - 1))


@settings(max_examples=1_000, deadline=None)
@given(name=st.sampled_from(sorted(proof.RULES)), day=DAYS, zone=ZONES)
def test_a_slot_is_inside_its_window_and_as_the_second_implementation_says(name: str, day: date, zone: str) -> None:
    proof.check(name, day, ZoneInfo(zone))


@pytest.mark.parametrize(
    "zone", ["America/New_York", "Africa/Cairo", "Australia/Lord_Howe", "America/Havana", "Antarctica/Troll"]
)
def test_the_days_on_which_clocks_change_hold_no_surprise(zone: str) -> None:
    days = [proof.FIRST + timedelta(days=number) for number in range(366)]
    place = ZoneInfo(zone)
    changes = [one for one in days if _shifts(one, place)]
    assert changes
    proof.sweep([zone], [day + timedelta(days=near) for day in changes for near in (-1, 0, 1)])


def _shifts(day: date, zone: ZoneInfo) -> bool:
    start = datetime.combine(day, time(0), zone)
    return start.utcoffset() != (start + timedelta(days=1)).utcoffset()


@pytest.mark.parametrize(
    ("zone", "day", "at", "utc"),
    [
        ("America/New_York", date(2027, 3, 14), time(2, 30), "2027-03-14T07:30"),  # a gap: 03:30 summer time
        ("America/New_York", date(2027, 11, 7), time(1, 30), "2027-11-07T05:30"),  # twice: the first
        ("Africa/Cairo", date(2027, 4, 30), time(0, 15), "2027-04-29T22:15"),
        ("America/New_York", date(2026, 11, 1), time(9, 0), "2026-11-01T14:00"),  # asked in summer time, meant in winter
        ("America/Vancouver", date(2026, 12, 1), time(10, 0), "2026-12-01T17:00"),  # for ever summer time since 2026
    ],
)
def test_a_local_time_is_one_instant(zone: str, day: date, at: time, utc: str) -> None:
    assert instant(day, at, ZoneInfo(zone))[0] == datetime.fromisoformat(utc).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(2027, 1, 31), 1, date(2027, 2, 28)),
        (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2028, 2, 29), 48, date(2032, 2, 29)),
        (date(2026, 12, 15), 1, date(2027, 1, 15)),
    ],
)
def test_months_end_where_the_month_ends(day: date, months: int, later: date) -> None:
    assert months_later(day, months) == later


def test_a_repeated_step_counts_from_its_first_day_and_never_drifts() -> None:
    plan = read_plan(
        'plan = "x"\nversion = 1\n[step.a]\nafter = "1 month"\npurpose = "service"\nrepeat = { every = "1 month", times = 3 }\n'
    )
    anchors = Anchors("e", date(2027, 1, 31), proof.LONG_AGO, proof.LONG_AGO, {})
    found = [one.day for one in occurrences(plan.steps[0], anchors, date(2027, 1, 1), date(2027, 12, 31))]
    assert found == [date(2027, 2, 28), date(2027, 3, 28), date(2027, 4, 28), date(2027, 5, 28)]


def test_jitter_is_the_same_today_and_in_the_preview_and_spreads_clients() -> None:
    plan = proof.shipped_plan()
    step = plan.step("review")
    assert step is not None
    times = []
    for number in range(200):
        asked = Asked(f"{number}/review/0", step, "email", Occurrence(0, date(2026, 12, 1), date(2026, 12, 1)), PLACE, ())
        found = slot(asked, proof.LONG_AGO)
        assert isinstance(found, Slot) and found == slot(asked, proof.LONG_AGO)  # noqa: PT018
        assert time(10) <= found.at < time(11, 30)
        times.append(found.at.minute // 15 + found.at.hour * 4)
    assert len(set(times)) == 6


PLACE = Place(NEW_YORK, "US")


# ---- caps --------------------------------------------------------------------------------------------------------------
STEPS = st.lists(
    st.tuples(st.integers(0, 25), st.sampled_from(["service", "review", "marketing", "newsletter"])), min_size=1, max_size=8
)
CAPS = st.lists(
    st.builds(Cap, st.sampled_from(["any", "marketing", "email", "not_service"]), st.integers(1, 3), st.integers(1, 14)),
    min_size=1,
    max_size=3,
)


@settings(max_examples=120, deadline=None)
@given(steps=STEPS, caps=CAPS, roof=CAPS, later=st.integers(0, 20), on_cap=st.sampled_from(["roll", "drop"]))
def test_caps_are_kept_for_the_client_and_for_the_household(
    steps: list[tuple[int, str]], caps: list[Cap], roof: list[Cap], later: int, on_cap: str
) -> None:
    rules = Rules(weekdays=frozenset({6}), max_roll=6, on_cap=on_cap)
    made = tuple(
        Step(f"s{n}", purpose, ("email",), After(Span(days, "day")), "t", Span(30, "day"), rules, rank=n)
        for n, (days, purpose) in enumerate(steps)
    )
    plan = replace(proof.shipped_plan(), steps=made, caps=tuple(caps), household_caps=tuple(roof), household_days=3)
    first = date(2026, 6, 1)
    people = [proof.enrolled(n, first + timedelta(days=n * later), plan, "America/New_York") for n in range(2)]
    found = forecast(Household(people, ()), proof.LONG_AGO, date(2027, 6, 1))
    assert found == forecast(Household(people[::-1], ()), proof.LONG_AGO, date(2027, 6, 1))
    kept = [one.touched for one in found if one.reason is None]
    for one in kept:
        others = [other for other in kept if other.id != one.id]
        assert not breaks(caps, one, [other for other in others if other.client_id == one.client_id])
        assert not breaks(roof, one, others)
        if one.purpose != "service":
            assert one.day.weekday() != 6
    for one, other in itertools.combinations(kept, 2):
        near = abs((one.day - other.day).days) <= (0 if one.purpose == "service" else 3)
        assert one.step != other.step or one.client_id == other.client_id or not near


def breaks(caps: list[Cap], one: Touched, others: list[Touched]) -> bool:
    """Count every run of days one by one. Service mail may itself go over a cap, so it is not asked."""
    if one.purpose == "service":
        return False
    for cap in caps:
        if cap.covers(one.purpose, one.channel):
            counted = [other for other in others if cap.covers(other.purpose, other.channel)]
            services = sum(other.purpose == "service" for other in counted)
            for back in range(cap.days):
                run = {one.day + timedelta(days=n - back) for n in range(cap.days)}
                if 1 + sum(other.day in run for other in counted) > max(cap.limit, services):
                    return True
    return False


def test_a_cap_names_who_was_there_first() -> None:
    others = [Touched("a", "c", "p", "review", date(2026, 6, 3), "review", "email")]
    broken = broken_cap([Cap("any", 1, 7)], date(2026, 6, 9), "marketing", "email", others)
    assert broken is not None and broken[1].id == "a"  # noqa: PT018
    assert broken_cap([Cap("any", 1, 7)], date(2026, 6, 10), "marketing", "email", others) is None
    assert broken_cap([Cap("any", 1, 7)], date(2026, 6, 9), "service", "email", others) is None


# ---- law ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("regions", "purpose", "day", "hours"),
    [
        ((), "marketing", date(2026, 11, 24), ("08:00", "21:00")),
        (("FL",), "marketing", date(2026, 11, 24), ("08:00", "20:00")),
        (("TX",), "marketing", date(2026, 11, 29), ("12:00", "21:00")),
        (("TX", "CT"), "marketing", date(2026, 11, 24), ("09:00", "20:00")),  # two laws: both
        (("AL",), "marketing", date(2026, 11, 29), None),
        (("AL",), "service", date(2026, 11, 29), ("08:00", "21:00")),
        (("CT",), "marketing", date(2023, 1, 3), ("08:00", "21:00")),  # before that law
    ],
)
def test_text_messages_keep_the_hours_of_every_law_that_binds(
    regions: tuple[str, ...], purpose: str, day: date, hours: tuple[str, str] | None
) -> None:
    found = legal_window(quiet_hours().rules, Place(NEW_YORK, "US", frozenset(regions)), "sms", purpose, day)
    said = found and found.closes and (f"{found.opens:%H:%M}", f"{found.closes:%H:%M}")
    assert said == hours


def test_mail_about_the_clients_own_job_keeps_no_quiet_hours() -> None:
    at_night = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)  # three in the morning, and Thanksgiving
    one = proof.enrolled(1, date(2026, 11, 26), proof.shipped_plan(), "America/New_York")
    one = replace(one, anchors=replace(one.anchors, arrived_at=at_night))
    found = {planned.step.key: planned for planned in forecast(Household([one], ()), at_night, date(2027, 1, 1))}
    assert found["thank_you"].slot.due_at == at_night


# ---- seasons and years -------------------------------------------------------------------------------------------------
SEASON = """plan = "x"
version = 1
[calendar]
skip = "weekends"
[step.winter]
season = { from = "10-01", to = "11-15" }
spread = { bookings_per_day = 2, response = 0.5 }
purpose = "marketing"
expires = "60 days"
"""


def test_a_season_is_spread_so_that_the_crew_can_answer() -> None:
    plan, loads = read_plan(SEASON), {}
    for number in range(120):
        one = proof.enrolled(number, date(2026, 1, 5), plan, "America/New_York")
        [planned] = forecast(Household([one], (), loads=loads), proof.LONG_AGO, date(2026, 12, 31))
        if planned.reason is None:
            assert date(2026, 10, 1) <= planned.slot.day <= date(2026, 11, 15)
        else:
            assert planned.reason == "the crew's day is full"
    days = loads["x", "winter"]
    assert max(days.values()) == 4
    assert sum(days.values()) > 100


def test_the_newsletter_comes_on_the_first_tuesday_and_reminders_before_the_heaters_birthday() -> None:
    text = (proof.PLAN.parent / "membership.toml").read_text()
    one = proof.enrolled(1, date(2026, 1, 5), read_plan(text), "America/New_York")
    one = replace(
        one, anchors=replace(one.anchors, days={**one.anchors.days, "asset.water_heater.installed_on": date(2020, 9, 3)})
    )
    found = forecast(Household([one], ()), proof.LONG_AGO, date(2026, 12, 31))
    tuesdays = [planned.occurrence.day for planned in found if planned.step.key == "tips"]
    assert tuesdays[:3] == [date(2026, 1, 6), date(2026, 2, 3), date(2026, 3, 3)]
    assert [planned.occurrence.day for planned in found if planned.step.key == "heater_flush"] == [date(2026, 8, 20)]


def test_silence_is_broken_after_eighteen_months_and_not_again_for_a_year() -> None:
    one = proof.enrolled(1, date(2026, 1, 5), proof.shipped_plan(), "America/New_York")
    found = forecast(Household([one], ()), proof.LONG_AGO, date(2029, 12, 31))
    assert [planned.slot.day for planned in found if planned.step.key == "win_back"] == [
        date(2027, 7, 6),
        date(2028, 7, 5),
        date(2029, 7, 5),
    ]


def test_what_a_step_asks_for_ends_it_and_only_from_then_on() -> None:
    one = proof.enrolled(1, date(2026, 1, 5), proof.shipped_plan(), "America/New_York")
    early = Happened("review.received", "old", proof.LONG_AGO, proof.LONG_AGO.date())
    now = Happened("review.received", "new", one.anchors.arrived_at + timedelta(days=1), date(2026, 1, 6))
    reasons = {}
    for name, happened in (("early", (early,)), ("now", (now,))):
        asked = replace(one, anchors=replace(one.anchors, happened=happened))
        found = {planned.step.key: planned for planned in forecast(Household([asked], ()), proof.LONG_AGO, date(2026, 3, 1))}
        reasons[name] = found["review"].reason
    assert reasons == {"early": None, "now": "until review.received"}


def test_every_anniversary_of_ten_years_comes_once() -> None:
    assert proof.ten_years(12) == 120


@pytest.mark.parametrize("text", ["2", "2 fortnights", "two days", "", "99999 days", "2 hours ago"])
def test_a_span_that_is_none_says_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="write a span as a number and a unit"):
        parse_span(text)


def test_a_skip_keeps_the_moment_it_would_have_had() -> None:
    step = replace(proof.STEPS["drop"], expires=Span(2, "day"))
    asked = Asked("k", step, "email", Occurrence(0, date(2026, 11, 28), date(2026, 11, 28)), PLACE, ())
    found = slot(asked, proof.LONG_AGO)
    assert isinstance(found, Skip)
    assert (found.reason, found.slot.day, found.slot.at) == ("Saturday", date(2026, 11, 28), time(10))
    assert Counter(one.split(":")[0] for one in found.slot.notes) == {"2026-11-28": 1}
