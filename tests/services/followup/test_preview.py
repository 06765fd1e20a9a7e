"""A client's year before it happens, why a step did not, and what another version of a plan would change."""

import re
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.followup import store
from services.followup.adapters.plan_files import PlanText, read_plan
from services.followup.adapters.rendering import shipped_templates
from services.followup.domain.forecast import forecast
from services.followup.settings import PLAN
from services.followup.use_cases import migrate_plan, plan_book
from services.followup.use_cases.migrate_plan import NotApplied, apply_version, compare_versions
from services.followup.use_cases.preview import Line, preview, why
from services.followup.use_cases.tell import set_address, set_asset, set_household, set_open, set_zone
from shared import events
from shared.database import Database, Transaction
from tests.services.followup.company import NOW, Company
from tests.services.followup.sending import Recording, loop_over

LATER = NOW + timedelta(hours=1)


@pytest.fixture
async def company(followup_database: Database) -> Company:
    found = Company(followup_database)
    await found.agree()
    return found


async def year(company: Company, client_id: UUID, of: int, now: datetime = LATER) -> list[Line]:
    async with company.database.transaction() as unit:
        return await preview(unit, company.planner, client_id, of, now)


async def test_the_preview_is_what_the_rows_say(company: Company) -> None:
    client_id = await company.client()
    lines = await year(company, client_id, 2026) + await year(company, client_id, 2027)
    rows = await company.touches(client_id)
    said = {(line.day, line.at, line.state) for line in lines if line.day <= date(2027, 12, 20)}
    assert said == {(row["local_date"], row["local_time"], row["state"]) for row in rows.values()}


CREW = """plan = "crew"
version = 1
[step.winter]
season = { from = "12-10", to = "12-20" }
spread = { bookings_per_day = 1 }
purpose = "marketing"
template = "tip"
"""


async def test_whose_day_the_crew_keeps_keeps_it_when_it_is_planned_again(company: Company) -> None:
    await company.publish(CREW)
    clients = [await company.client() for _ in range(8)]
    before = [{step: row["due_at"] for step, row in (await company.touches(one)).items()} for one in clients]
    for client_id in clients:
        lines = await year(company, client_id, 2026)
        planned = (await company.touches(client_id))["winter 2026"]
        assert [(line.day, line.state) for line in lines if line.plan == "crew"] == [(planned["local_date"], planned["state"])]
        await company.plan(client_id, LATER)
    assert [{step: row["due_at"] for step, row in (await company.touches(one)).items()} for one in clients] == before


async def test_the_preview_reads_as_the_mail_will(company: Company) -> None:
    client_id = await company.client(first_name="Zoë <b>")
    [line] = [line for line in await year(company, client_id, 2027) if line.step == "anniversary"]
    assert line.message is not None
    assert line.message.subject == "A year since we were at your place"
    assert "Hello Zoë <b>," in line.message.text
    assert "Hello Zoë &lt;b&gt;," in line.message.html
    assert "November 24, 2026" in line.message.text
    assert "12 Elm St, Toledo OH 43604" in line.message.html
    assert "Hear less often" in line.message.text  # every button and link a mail has, though they lead nowhere
    [asked] = [line for line in await year(company, client_id, 2026) if line.step == "check_in"]
    assert asked.message is not None
    assert "Tell us how it is" in asked.message.html


CARDS = """plan = "cards"
version = 1
[step.by_text]
after = "2 days"
channel = "sms"
purpose = "service"
template = "check_in"
[step.by_post]
after = "3 days"
channel = "post"
purpose = "service"
template = "check_in"
"""


async def test_the_preview_of_a_text_or_a_letter_is_what_they_will_get(company: Company) -> None:
    """Shown were the mail's subject, its footer and links, whatever the channel."""
    templates = {"check_in": f"Sms: Is all well{{% if name %}}, {{{{ name }}}}{{% endif %}}?\n{shipped_templates()['check_in']}"}
    async with company.database.transaction() as unit:
        await plan_book.publish(unit, PlanText(read_plan(CARDS), CARDS, templates), NOW)
    client_id = await company.client(phone="+14195550134")
    async with company.database.transaction() as unit:
        await set_address(unit, company.pauses, client_id, "12 Elm St, Toledo OH 43604", NOW)
    said = {line.step: line.says for line in await year(company, client_id, 2026) if line.plan == "cards"}
    assert said["by_text"] == "Is all well, Ada? Answer STOP to end."
    sent = {}
    for carries in ("sms", "post"):
        loop = loop_over(company.database, Recording(), carries=carries)
        due = NOW + timedelta(days=3, hours=1)
        async with company.database.transaction() as unit:
            touches = await store.sending.claim_due(unit, due, [carries], limit=5, lease=timedelta(minutes=2))
            sent |= {one.touch["step"]: one.message for one in await loop.intender.intend(unit, touches, due)}
    assert said == {"by_text": sent["by_text"].body, "by_post": sent["by_post"].body}
    assert "http" not in said["by_post"]


async def test_what_the_plan_leaves_out_is_shown_as_left_out(company: Company) -> None:
    news = '[step.news]\nmonthly = "first tuesday"\npurpose = "newsletter"\ntemplate = "news-{mm}"\nmissing = "skip"\n'
    await company.publish(f"{NEXT}\n{news}")
    lines = [line for line in await year(company, await company.client(), 2027) if line.step == "news"]
    assert {line.state for line in lines} == {"skipped"}
    assert "there is no template news-01" in {line.reason for line in lines}


async def test_ten_years_ahead_are_there(company: Company) -> None:
    client_id = await company.client()
    assert [line.day for line in await year(company, client_id, 2036) if line.step == "anniversary"] == [date(2036, 11, 24)]


async def test_why_names_the_rule_and_the_winner(company: Company) -> None:
    first = await company.client(last_name="Okafor", postal_code="43604")
    second = await company.client(last_name="Okafor", postal_code="43604", now=NOW + timedelta(minutes=1))
    async with company.database.transaction() as unit:
        [sentence] = await why(unit, company.planner, second, "review", LATER)
    winner = (await company.touches(first))["review"]["id"]
    assert sentence.endswith(f"skipped, because: household: {winner} goes first.")


async def test_why_tells_what_holds_a_plan_back(company: Company) -> None:
    won = await company.win()
    await company.complete(won)
    await company.hear(company.clients.remember, events.ComplaintOpened(lead_id=won.lead_id))
    async with company.database.transaction() as unit:
        sentences = await why(unit, company.planner, won.person_id, "review", LATER)
        nothing = await why(unit, company.planner, won.person_id, "reviews", LATER)
    assert "after-unit 1: the enrolment of job-1 is paused (complaint.open)." in sentences
    assert nothing == ["after-unit 1: this plan has no step reviews."]


NEXT = PLAN.read_text().replace("version = 1", "version = 2").replace('after = "30 days"', 'after = "45 days"')


async def test_a_new_version_leaves_those_in_the_old_one_alone(company: Company) -> None:
    client_id = await company.client()
    before = await company.touches(client_id)
    await company.publish(NEXT)
    await company.planner_turn(LATER)
    assert (await company.touches(client_id))["referral"]["due_at"] == before["referral"]["due_at"]
    newcomer = await company.touches(await company.client(now=LATER))
    assert (newcomer["referral"]["plan_version"], newcomer["referral"]["local_date"]) == (2, date(2027, 1, 8))


async def test_a_diff_counts_and_apply_needs_its_hash(company: Company) -> None:
    clients = [await company.client() for _ in range(3)]
    await company.publish(NEXT + '\n[step.half_year]\nafter = "6 months"\npurpose = "marketing"\n')
    async with company.database.transaction() as unit:
        found = await compare_versions(unit, company.planner, "after-unit", 1, 2, "all", LATER)
        numbers = found.difference
        assert (numbers.clients, numbers.clients_who_gain, numbers.gained, numbers.lost) == (3, 3, 3, 0)
        assert (numbers.clients_who_move, numbers.moved, numbers.max_shift_days, numbers.within_the_hour) == (3, 3, 15, 0)
        with pytest.raises(NotApplied, match="The numbers have changed"):
            await apply_version(unit, company.planner, "after-unit", 1, 2, "all", "0" * 16, LATER)
        assert await apply_version(unit, company.planner, "after-unit", 1, 2, "all", found.hash, LATER) == 3
    await company.planner_turn(LATER)
    for client_id in clients:
        touches = await company.touches(client_id)
        assert touches["referral"]["local_date"] == date(2027, 1, 8)
        assert touches["half_year"]["state"] == "planned"
        assert {row["plan_version"] for step, row in touches.items() if step != "thank_you"} == {2}
    async with company.database.reading() as unit:
        row = await unit.row("SELECT * FROM recomputation")
    assert (row["cause"], row["moved"], row["gained"]) == ("plan after-unit 1 -> 2, all", 3, 3)


async def test_a_diff_is_refused_where_somebody_came_in_between(company: Company) -> None:
    await company.client()
    await company.publish(NEXT)
    async with company.database.transaction() as unit:
        found = await compare_versions(unit, company.planner, "after-unit", 1, 2, "all", LATER)
        await unit.execute("UPDATE enrolment SET state = 'stopped'")
        with pytest.raises(NotApplied):
            await apply_version(unit, company.planner, "after-unit", 1, 2, "all", found.hash, LATER)


async def test_a_diff_says_who_waits_and_goes_over_too(company: Company) -> None:
    client_id, _ = await company.client(), await company.client(now=NOW + timedelta(minutes=1))
    await company.publish(NEXT)
    async with company.database.transaction() as unit:
        before = await compare_versions(unit, company.planner, "after-unit", 1, 2, "all", LATER)
        await set_open(unit, company.pauses, client_id, "conversation.open", LATER, open=True)
        found = await compare_versions(unit, company.planner, "after-unit", 1, 2, "all", LATER)
        assert ((before.difference.clients, before.difference.paused), before.hash != found.hash) == ((2, 0), True)
        assert (found.difference.clients, found.difference.paused) == (1, 1)
        assert await apply_version(unit, company.planner, "after-unit", 1, 2, "all", found.hash, LATER) == 2
        await set_open(unit, company.pauses, client_id, "conversation.open", LATER, open=False)
    assert (await company.touches(client_id))["referral"]["local_date"] == date(2027, 1, 8)


async def test_a_diff_never_leaves_the_database_alone_for_long(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    silences = [0]

    def counted(*given: Any) -> Any:
        silences[-1] += 1
        return forecast(*given)

    async def asked(*given: Any) -> Any:
        silences.append(0)
        return await value(*given)

    value = Transaction.value
    monkeypatch.setattr(Transaction, "value", asked)
    monkeypatch.setattr(migrate_plan, "forecast", counted)
    for _ in range(3):
        await company.client()
    await company.publish(NEXT)
    async with company.database.transaction() as unit:
        found = await compare_versions(unit, company.planner, "after-unit", 1, 2, "all", LATER)
    assert (found.difference.clients, max(silences)) == (3, 2)  # one household, as it is and as it would be


async def test_future_steps_keep_what_is_due_this_week(company: Company) -> None:
    client_id = await company.client()
    await company.publish(NEXT.replace('after = "3 days"', 'after = "5 days"'))
    async with company.database.transaction() as unit:
        found = await compare_versions(unit, company.planner, "after-unit", 1, 2, "future_steps", LATER)
        await apply_version(unit, company.planner, "after-unit", 1, 2, "future_steps", found.hash, LATER)
    await company.planner_turn(LATER)
    touches = await company.touches(client_id)
    assert (touches["check_in"]["plan_version"], touches["check_in"]["local_date"]) == (1, date(2026, 11, 27))
    assert (touches["referral"]["plan_version"], touches["referral"]["local_date"]) == (2, date(2027, 1, 8))


@pytest.mark.parametrize("migration", ["future_steps", "all"])
async def test_what_a_newer_version_left_ends_when_what_it_asks_for_has_happened(company: Company, migration: str) -> None:
    asks = re.sub(r"\[step\.review\]\nafter = .*", '[step.review]\nafter = "3 days"', PLAN.read_text())
    await company.publish(asks.replace("version = 1", "version = 2"))
    client_id = await company.client()
    (review,) = [row for step, row in (await company.touches(client_id)).items() if step == "review"]
    assert review["plan_version"] == 2
    soon = review["due_at"] - timedelta(minutes=5)
    await company.publish(NEXT.replace("version = 2", "version = 3"))
    async with company.database.transaction() as unit:
        found = await compare_versions(unit, company.planner, "after-unit", 2, 3, migration, soon)
        await apply_version(unit, company.planner, "after-unit", 2, 3, migration, found.hash, soon)
    lead_id = review["lead_id"]
    await company.hear(company.clients.remember, events.ReviewReceived(lead_id=lead_id, person_id=client_id), now=soon)
    review = (await company.touches(client_id))["review"]
    assert (review["plan_version"], review["state"], review["reason"]) == (2, "skipped", "until review.received")


async def test_what_people_tell_us_moves_the_calendar(company: Company) -> None:
    client_id, other = await company.client(), await company.client(now=NOW + timedelta(minutes=1))
    async with company.database.transaction() as unit:
        moved = await set_zone(unit, company.pauses, client_id, "America/Denver", "CO", LATER)
        await set_household(unit, company.pauses, other, client_id, LATER)
        await set_asset(
            unit,
            company.pauses,
            {"client_id": other, "kind": "water_heater", "installed_on": date(2020, 3, 1), "warranty_until": None},
            LATER,
        )
        await set_open(unit, company.pauses, client_id, "conversation.open", LATER, open=True)
    assert moved["moved"] > 3
    assert {row["state"] for row in (await company.touches(client_id)).values()} == {"paused"}
    async with company.database.transaction() as unit:
        await set_open(unit, company.pauses, client_id, "conversation.open", LATER, open=False)
    mine, theirs = await company.touches(client_id), await company.touches(other)
    assert {mine["review"]["state"], theirs["review"]["state"]} == {"planned", "skipped"}
