"""What users of other systems complain of, about calendars, plans and enrolment; each must not happen here."""

import asyncio
import itertools
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.followup.adapters.plan_files import PlanError, read_plan
from services.followup.domain.forecast import Household, forecast
from services.followup.domain.occurrences import Occurrence
from services.followup.domain.plans import Rules
from services.followup.domain.slots import Asked, Skip, Slot, slot
from services.followup.domain.windows import Place, Window
from services.followup.settings import PLAN
from services.followup.use_cases.preview import preview
from shared import events
from shared.database import Database
from tests.services.followup import calendar_proof as proof
from tests.services.followup.company import NOW, Company


@pytest.fixture
async def company(followup_database: Database) -> Company:
    found = Company(followup_database)
    await found.agree()
    return found


async def send_what_is_due(company: Company, now: datetime) -> None:
    async with company.database.transaction() as unit:
        await unit.execute("UPDATE touch SET state = 'sent', settled_at = due_at WHERE state = 'planned' AND due_at <= $1", now)


async def test_pain_03_long_timers_vanish(company: Company) -> None:
    """Ten years pass, a month at a time; every anniversary comes, and comes once."""
    clients = [await company.client() for _ in range(2)]
    for months in range(1, 124):
        now = NOW + timedelta(days=30 * months)
        await send_what_is_due(company, now)
        await company.planner_turn(now)
    for client_id in clients:
        async with company.database.reading() as unit:
            rows = await unit.fetch(
                "SELECT cycle FROM touch WHERE client_id = $1 AND step = 'anniversary' AND state = 'sent'", client_id
            )
        assert Counter(row["cycle"] for row in rows) == Counter(range(1, 11))


async def test_pain_05_runs_that_overlap_delete_or_stall(company: Company) -> None:
    """Two planners at once, on calendars that must all be planned again: nothing is lost, nothing is there twice."""
    clients = [await company.client() for _ in range(6)]
    before = [await company.touches(client_id) for client_id in clients]
    await company.agree("America/Chicago", NOW + timedelta(minutes=1))
    await asyncio.gather(*(company.planner_turn(NOW + timedelta(minutes=2)) for _ in range(3)))
    for client_id, was in zip(clients, before, strict=True):
        now = await company.touches(client_id)
        assert set(now) == set(was)
        assert {row["zone"] for step, row in now.items() if step != "thank_you"} == {"America/Chicago"}


@pytest.mark.parametrize(
    ("zone", "day", "at", "local"),
    [
        ("America/New_York", date(2026, 11, 1), time(9), "2026-11-01T09:00:00-05:00"),  # asked the day before, in summer time
        ("America/Los_Angeles", date(2026, 11, 27), time(19), "2026-11-27T19:00:00-08:00"),  # a Friday here, Saturday in UTC
        ("America/New_York", date(2027, 3, 14), time(2, 30), "2027-03-14T03:30:00-04:00"),
    ],
)
def test_pain_06_clocks_that_change_move_the_hour_or_the_day(zone: str, day: date, at: time, local: str) -> None:
    step = replace(proof.STEPS["service"], at=at)
    asked = Asked("k", step, "email", Occurrence(0, day, day), Place(ZoneInfo(zone), "US"), ())
    found = slot(asked, datetime(2026, 10, 31, tzinfo=UTC))
    assert isinstance(found, Slot)
    assert found.due_at.astimezone(ZoneInfo(zone)).isoformat() == local


def test_pain_06_a_window_the_clock_jumps_over_ends_the_search() -> None:
    """No hour is ever right: said after `max_roll` days, not looked for in a loop."""
    rules = Rules(Window(time(2, 15), time(2, 45)), weekdays=frozenset(range(6)), max_roll=6)
    step = replace(proof.STEPS["morning"], rules=rules, at=time(2, 30))
    place = Place(ZoneInfo("America/New_York"), "US")
    found = slot(Asked("k", step, "email", Occurrence(0, date(2027, 3, 8), date(2027, 3, 8)), place, ()), proof.LONG_AGO)
    assert isinstance(found, Skip)
    assert found.reason == "no hours left"
    assert len(found.slot.notes) == 7


async def test_pain_07_editing_a_live_plan_does_nothing_or_too_much(company: Company) -> None:
    """A version never changes; another one is for newcomers until somebody applies it by the hash of its diff."""
    client_id = await company.client()
    before = await company.touches(client_id)
    edited = PLAN.read_text().replace('after = "7 days"', 'after = "9 days"')
    with pytest.raises(AssertionError):
        await company.publish(edited)
    await company.publish(edited.replace("version = 1", "version = 2"))
    await company.planner_turn(NOW + timedelta(minutes=1))
    assert await company.touches(client_id) == before


async def test_pain_08_one_client_who_is_in_already_stalls_the_whole_batch(company: Company) -> None:
    won = [await company.win() for _ in range(4)]
    await company.complete(won[1])
    done = [events.JobCompleted(lead_id=one.lead_id, job_id="job-1", completed_on=NOW.date()) for one in won]
    await company.hear(company.clients.complete_job, *done)
    for one in won:
        assert (await company.touches(one.person_id))["thank_you"]["state"] == "planned"
    async with company.database.reading() as unit:
        assert await unit.value("SELECT count(*) FROM enrolment") == 4


REENTRY = """plan = "x"
version = 1
[enrol]
subject = "client"
reentry = {{ mode = "{mode}", after = "10 days" }}
[step.thank_you]
after = "1 hour"
purpose = "service"
"""


@pytest.mark.parametrize(("mode", "after", "sent"), [("never", 400, 1), ("restart_cycle", 9, 1), ("restart_cycle", 11, 2)])
async def test_pain_08_who_comes_again_gets_what_the_plan_says(company: Company, mode: str, after: int, sent: int) -> None:
    await company.publish(REENTRY.format(mode=mode))
    won = await company.win()
    for later in (0, after):
        now = NOW + timedelta(days=later)
        await company.complete(won, job_id=f"job-{later}", now=now)
        await send_what_is_due(company, now + timedelta(hours=2))
    async with company.database.reading() as unit:
        assert await unit.value("SELECT count(*) FROM touch WHERE state = 'sent'") == sent


CAPPED = """plan = "x"
version = 1
caps = {{ marketing = "1 per 7 days" }}
priority = ["anniversary", "tip"]
[calendar]
max_roll = "{reach} days"
[step.tip]
after = "10 days"
purpose = "marketing"
expires = "30 days"
[step.anniversary]
after = "12 days"
purpose = "marketing"
"""


def test_pain_10_a_cap_means_another_thing_than_it_says() -> None:
    """One in seven days is one in any seven days; who yields rolls, or is skipped and says for whom."""
    for reach, day, reason in ((9, date(2026, 6, 20), None), (3, date(2026, 6, 11), "cap marketing 1 per 7 days")):
        one = proof.enrolled(1, date(2026, 6, 1), read_plan(CAPPED.format(reach=reach)), "America/New_York")
        found = {planned.step.key: planned for planned in forecast(Household([one], ()), proof.LONG_AGO, date(2026, 12, 1))}
        assert (found["tip"].slot.day, found["tip"].reason) == (day, reason)
        assert found["tip"].slot.notes[0] == "2026-06-11: cap marketing 1 per 7 days (anniversary goes first)"
        assert found["anniversary"].reason is None
    assert found["tip"].winner == "e1/anniversary/0"
    with pytest.raises(PlanError, match="to send nothing, leave the steps out"):
        read_plan(CAPPED.format(reach=1).replace("1 per 7 days", "0 per 7 days"))


async def test_pain_14_a_backlog_ends_in_a_burst(company: Company) -> None:
    """Jobs of the last year, heard of all at once in the night: nothing expired, nobody at night, no two together."""
    at_night = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)
    won = [await company.win(now=at_night) for _ in range(5)]
    for one, days in zip(won, (3, 12, 40, 200, 364), strict=True):
        await company.complete(one, on=(at_night - timedelta(days=days)).date(), now=at_night)
        heard = [row for row in (await company.touches(one.person_id)).values() if row["purpose"] != "service"]
        assert all(row["expires_at"] > row["due_at"] >= at_night for row in heard)
        assert all(time(8) <= row["local_time"] < time(20) for row in heard)
        days_heard = sorted(row["local_date"] for row in heard if row["state"] == "planned")
        assert all(later - earlier >= timedelta(days=2) for earlier, later in itertools.pairwise(days_heard))


async def test_pain_15_one_bad_contact_stops_all_the_others(company: Company) -> None:
    contacts = ({}, {"email": None}, {"first_name": "{{ 7*7 }}", "last_name": "𝕏" * 90}, {})
    won = [await company.win(**contact) for contact in contacts]
    done = [events.JobCompleted(lead_id=one.lead_id, job_id="j", completed_on=NOW.date()) for one in won]
    await company.hear(company.clients.complete_job, *done)
    states = [{row["state"] for row in (await company.touches(one.person_id)).values()} for one in won]
    assert states == [{"planned"}, {"skipped"}, {"planned"}, {"planned"}]
    assert {row["reason"] for row in (await company.touches(won[1].person_id)).values()} == {"no_address"}


async def test_pain_15_nobody_can_see_what_will_happen(company: Company) -> None:
    """The whole year is there before it happens, each mail as it will read."""
    client_id = await company.client()
    async with company.database.transaction() as unit:
        lines = await preview(unit, company.planner, client_id, 2027, NOW + timedelta(hours=1))
    assert all(line.message is not None and line.message.text for line in lines)
    assert [line.step for line in lines] == ["tips", "tips", "tips", "anniversary", "tips"]
