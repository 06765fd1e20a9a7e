"""A phone's area code counts like an address: a text keeps the hours of every law and every clock that may be the client's."""

import itertools
import tomllib
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.followup.adapters import numbers, postal_codes
from services.followup.adapters.calendar_data import quiet_hours
from services.followup.adapters.numbers import FILE, number_place
from services.followup.adapters.postal_codes import region_of_code
from services.followup.domain.hours import opens_at
from services.followup.domain.occurrences import Occurrence
from services.followup.domain.slots import Asked, Slot, slot
from services.followup.domain.windows import WHOLE_DAY, NumberPlace, Place, Window, is_legal, window_by_all_clocks
from services.followup.use_cases.households import place_of
from services.followup.use_cases.planning import Planner
from shared.agreement import Company
from tests.services.followup import calendar_proof as proof

RULES, NEW_YORK = quiet_hours().rules, "America/New_York"
TUESDAY, SUNDAY = date(2026, 11, 24), date(2026, 11, 29)
COMPANY = Company(zone=NEW_YORK, country="US")
OHIO, FLORIDA, TEXAS, ALABAMA, LOS_ANGELES, TOLL_FREE, TORONTO = (
    "+14195550134",
    "+13055550134",
    "+12145550134",
    "+12055550134",
    "+12135550134",
    "+18005550134",
    "+14165550134",
)


@pytest.mark.parametrize(
    ("phone", "country", "region", "zones"),
    [
        (OHIO, "US", "OH", [NEW_YORK]),
        (TORONTO, "CA", "ON", ["America/Toronto"]),
        ("+19075550134", "US", "AK", ["America/Adak", "America/Anchorage"]),
        ("+442079460000", "GB", None, ["Europe/London"]),
        ("+13454444444", "KY", None, ["America/Cayman"]),
        ("+447700900123", "GB", None, ["Europe/London"]),  # a number that cannot be: its country still counts
        ("no number", "NL", None, ["Europe/Amsterdam"]),
    ],
)
def test_a_number_says_where_it_is_from(phone: str, country: str, region: str | None, zones: list[str]) -> None:
    found = number_place(phone, "NL", zone_is_known=False)
    assert (found.country, found.region, [zone.key for zone in found.zones]) == (country, region, zones)


def test_where_nobody_knows_the_zone_it_is_every_zone_of_the_country() -> None:
    anywhere = number_place(TOLL_FREE, "US", zone_is_known=False)
    assert {NEW_YORK, "America/Chicago", "America/Los_Angeles", "Pacific/Honolulu"} < {zone.key for zone in anywhere.zones}
    assert number_place(TOLL_FREE, "US", zone_is_known=True).zones == ()  # the client told theirs
    assert anywhere.country == "US"


@pytest.mark.parametrize(
    ("phone", "region", "zone", "day", "hours"),
    [
        (OHIO, "OH", NEW_YORK, TUESDAY, ("08:00", "21:00")),
        (FLORIDA, "OH", NEW_YORK, TUESDAY, ("08:00", "20:00")),  # the number's law
        (OHIO, "FL", NEW_YORK, TUESDAY, ("08:00", "20:00")),  # the address's law
        (TEXAS, "FL", NEW_YORK, TUESDAY, ("10:00", "20:00")),  # both laws: 9 to 20, by both clocks
        (LOS_ANGELES, None, NEW_YORK, TUESDAY, ("11:00", "21:00")),  # the number's clock
        (LOS_ANGELES, None, None, TUESDAY, ("11:00", "21:00")),
        (TORONTO, None, NEW_YORK, TUESDAY, ("10:00", "18:00")),  # another country's law
        (TOLL_FREE, None, None, TUESDAY, ("13:00", "21:00")),  # eight in Honolulu
        (TOLL_FREE, None, NEW_YORK, TUESDAY, ("08:00", "21:00")),
        (ALABAMA, "OH", NEW_YORK, SUNDAY, None),
        (OHIO, "OH", "Asia/Tokyo", TUESDAY, ("08:00", "11:00")),  # an evening in Ohio, the day before
    ],
)
def test_the_strictest_of_address_and_number_holds(
    phone: str, region: str | None, zone: str | None, day: date, hours: tuple[str, str] | None
) -> None:
    place = place_of({"zone": zone, "region": region, "contact": {"phone": phone}}, COMPANY)
    found = window_by_all_clocks(RULES, place, "sms", "marketing", day, WHOLE_DAY)
    assert (found and (f"{found.opens:%H:%M}", f"{found.closes:%H:%M}" if found.closes else "24:00")) == hours
    assert window_by_all_clocks(RULES, place, "email", "marketing", day, WHOLE_DAY) == WHOLE_DAY
    assert (place.other_clocks("email"), list(place.laws("email"))[2:]) == ((), [])


@pytest.mark.parametrize(
    ("code", "country", "region"),
    [
        ("33101", "US", "FL"),
        (" 33101-4120 ", "US", "FL"),
        ("331014120", "US", "FL"),
        ("00501", "US", "NY"),
        ("06103", "US", "CT"),
        ("20500", "US", "DC"),
        ("73301", "US", "TX"),  # Austin's, among those of Oklahoma
        ("09012", "US", None),  # the military's
        ("34002", "US", None),
        ("96941", "US", None),  # several islands
        ("3310", "US", None),
        ("33101x", "US", None),
        ("٣٣١٠١", "US", None),
        ("", "US", None),
        (None, "US", None),
        ("m5v 3l9", "CA", "ON"),
        ("H2X1Y4", "CA", "QC"),
        ("X0A 0H0", "CA", None),  # two territories
        ("33101", "CA", None),
        ("33101", "FR", None),
    ],
)
def test_a_postal_code_says_which_region_it_is_in(code: str | None, country: str, region: str | None) -> None:
    assert region_of_code(code, country) == region


@pytest.mark.parametrize(
    ("code", "stated", "phone", "hours"),
    [
        ("33101", None, OHIO, ("08:00", "20:00")),  # Florida's
        ("33101", "OH", OHIO, ("08:00", "21:00")),  # somebody knows better
        ("43604", None, FLORIDA, ("08:00", "20:00")),  # the number still counts
        ("43604", None, OHIO, ("08:00", "21:00")),
        ("06103", None, FLORIDA, ("09:00", "20:00")),  # Connecticut's and Florida's
    ],
)
def test_the_law_of_the_postal_code_holds(code: str, stated: str | None, phone: str, hours: tuple[str, str]) -> None:
    place = place_of({"zone": NEW_YORK, "region": stated, "contact": {"phone": phone, "postal_code": code}}, COMPANY)
    found = window_by_all_clocks(RULES, place, "sms", "marketing", TUESDAY, WHOLE_DAY)
    assert found == Window(*map(time.fromisoformat, hours))


ZONES = st.sampled_from(proof.every_zone())
DAYS = st.dates(proof.FIRST, proof.FIRST + timedelta(days=proof.DAYS - 1))


@settings(max_examples=300, deadline=None)
@given(own=ZONES, others=st.lists(ZONES, max_size=4), region=st.sampled_from([None, "TX", "AL", "FL"]), day=DAYS)
def test_a_window_is_what_every_clock_allows_minute_by_minute(own: str, others: list[str], region: str | None, day: date) -> None:
    place = Place(ZoneInfo(own), "US", number=NumberPlace("US", region, tuple(ZoneInfo(zone) for zone in others)))
    found = window_by_all_clocks(RULES, place, "sms", "marketing", day, WHOLE_DAY)
    start, end = (datetime.combine(one, time(0), place.zone).astimezone(UTC) for one in (day, day + timedelta(days=1)))
    quarters = [start + timedelta(minutes=minute) for minute in range(0, int((end - start).total_seconds()) // 60, 15)]
    legal = [moment for moment in quarters if all(_by_hand(region, moment.astimezone(ZoneInfo(z))) for z in (own, *others))]
    assert legal == [moment for moment in quarters if is_legal(RULES, place, "sms", "marketing", moment)]
    if start.astimezone(place.zone).utcoffset() == end.astimezone(place.zone).utcoffset():
        inside = [moment for moment in quarters if found and _within(found, moment.astimezone(place.zone).time())]
        assert set(inside) <= set(legal)
        assert bool(inside) == bool(legal)


def _within(window: Window, at: time) -> bool:
    return window.opens <= at and not window.is_past(at)


def _by_hand(region: str | None, here: datetime) -> bool:
    """The rules of 2026 once more, read by a person from the same file."""
    opens, closes = {"TX": (9, 21), "AL": (8, 20), "FL": (8, 20)}.get(region or "", (8, 21))
    sunday = here.weekday() == 6
    if sunday and region == "AL":
        return False
    return (12 if sunday and region == "TX" else opens) <= here.hour < closes


def test_a_text_waits_for_the_morning_of_its_number_when_planned_and_at_the_gate() -> None:
    step = proof.shipped_plan().step("review")
    assert step is not None
    place = place_of({"zone": NEW_YORK, "region": None, "contact": {"phone": LOS_ANGELES}}, COMPANY)
    eight_there = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
    found = slot(Asked("key", step, "sms", Occurrence(0, TUESDAY, TUESDAY), place, RULES), proof.LONG_AGO)
    assert isinstance(found, Slot)
    assert found.due_at >= eight_there
    assert opens_at(step, "sms", place, RULES, eight_there - timedelta(minutes=1)) == eight_there
    assert opens_at(step, "sms", place, RULES, eight_there) is None
    assert opens_at(step, "email", place, RULES, eight_there - timedelta(minutes=1)) is None


def test_an_area_code_is_listed_once() -> None:
    found = tomllib.loads(FILE.read_text())
    codes = [code for country in ("US", "CA") for listed in found[country].values() for code in listed]
    assert len(codes) == len(set(codes)) > 400
    assert all(200 < code < 1000 for code in codes)


def test_the_beginning_of_a_postal_code_is_listed_once() -> None:
    found = tomllib.loads(postal_codes.FILE.read_text())
    spans = sorted(span for listed in found["US"].values() for span in listed)
    assert all(first <= last for first, last in spans)
    assert all(before[1] < after[0] for before, after in itertools.pairwise(spans))
    letters = "".join(found["CA"].values())
    assert len(letters) == len(set(letters)) == 17
    assert {rule.region for rule in RULES if rule.region and rule.country == "US"} <= set(found["US"])


@pytest.mark.parametrize("module", [numbers, postal_codes])
def test_other_data_is_another_calendar(module: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Also where the version was forgotten."""
    planner = Planner(cast(Any, None), cast(Any, None), quiet_hours())
    before = planner.basis(COMPANY)
    changed = tmp_path / "changed.toml"
    changed.write_text(module.FILE.read_text() + "\n# a line more\n")
    monkeypatch.setattr(module, "FILE", changed)
    module._regions.cache_clear()
    try:
        assert planner.basis(COMPANY) != before
    finally:
        module._regions.cache_clear()
