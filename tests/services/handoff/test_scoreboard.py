"""Both teams' numbers come from facts without personal data, and come out the same when they are made again."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pytest
from uuid_utils.compat import uuid7

from services.handoff import store
from services.handoff.api.scoreboard import guarded
from services.handoff.domain.metrics import METRICS, numbers_of
from services.handoff.domain.origin import origin_of
from services.handoff.use_cases.agreements import apply_agreement
from services.handoff.use_cases.board import follow_facts
from services.handoff.use_cases.clocks import ENDED
from services.handoff.use_cases.commands import command_assignment
from services.handoff.use_cases.manual import withdraw
from services.handoff.use_cases.reasons import OURS, known_reasons
from services.handoff.use_cases.scoreboard import read_scoreboard
from services.intake.use_cases.disqualify import REASONS
from shared import events
from shared.agreement import parse
from shared.database import Database
from shared.settings import ROOT
from tests.services.handoff.support import SHIPPED, Handoff, qualified

GOOGLE = {"utm_source": "Google", "utm_campaign": "Spring", "gclid": "abc123", "landing_page": "https://x/?email=a@b.c"}


@pytest.fixture
async def handoff(handoff_database: Database) -> Handoff:
    handoff = Handoff(handoff_database)
    await handoff.start("Rosa", "Sam")
    return handoff


async def board(handoff: Handoff, by: str | None = None, **more: Any) -> dict[str, Any]:
    async with handoff.database.transaction() as unit:
        while await follow_facts(unit):
            pass
        version = await store.agreements.version(unit, more.get("agreement"))
        until = handoff.now + timedelta(seconds=1)
        return await read_scoreboard(unit, version, until - timedelta(days=7), until, by, handoff.now)


async def raised(handoff: Handoff, **more: Any) -> UUID:
    """A hand raised and qualified, as intake tells it."""
    lead, person = uuid7(), more.pop("person_id", uuid7())
    opened = {"lead_id": lead, "person_id": person, "form": "contact", "selection": "estimate", "received_at": handoff.now}
    opened["source"] = (more.get("attribution") or {}).get("utm_source", "")
    await handoff.hear(events.LeadOpened.model_validate({**opened, **more}))
    await handoff.hear(qualified(lead, handoff.now, person_id=person, **more))
    return lead


async def a_busy_week(handoff: Handoff) -> list[UUID]:
    """Four hands raised: one sold, one lost, one asked again, one a test."""
    sold, lost, open_, _ = [
        await raised(handoff, attribution=GOOGLE),
        await raised(handoff, attribution=GOOGLE),
        await raised(handoff),
        await raised(handoff, test=True),
    ]
    await handoff.pass_time(seconds=90)
    await handoff.hear(events.OutcomeContacted(lead_id=sold))
    await handoff.hear(events.OutcomeWon.model_validate({"lead_id": sold, "amount": "1250.00", "currency": "USD"}))
    await handoff.hear(events.OutcomeLost(lead_id=lost, reason="wrong number"))
    await handoff.pass_time(minutes=30)
    return [sold, lost, open_]


async def test_both_teams_numbers_are_counted_from_what_happened(handoff: Handoff) -> None:
    await a_busy_week(handoff)
    priced = {"campaign": "spring", "spent_on": date(2026, 3, 3), "currency": "USD"}
    for amount in ("80.00", "100.00"):  # the later price of a day stands
        await handoff.pass_time(seconds=1)
        await handoff.hear(events.CampaignPriced.model_validate({**priced, "amount": amount}))
    numbers = (await board(handoff))["numbers"]
    expected = {"hand_raises": 3, "mql": 3, "sal": 2, "contacted": 1, "sales_qualified": 1, "won": 1, "lost": 1}
    assert {name: numbers[name] for name in expected} == expected
    assert numbers["revenue"] == {"USD": "1250.00"}
    assert numbers["cost_per_mql"] == {"USD": "33.33"}
    assert (numbers["contactable_rate"], numbers["accepted_rate"]) == (66.7, 66.7)
    assert numbers["speed_to_lead_p50"] == 90
    assert numbers["conversion_rate"] == 33.3


async def test_who_only_asked_for_the_newsletter_raised_no_hand(handoff: Handoff) -> None:
    """A month later the score made an MQL of one of them, who was reached within a minute and a half."""
    handoff.now += timedelta(seconds=1)
    async with handoff.database.transaction() as unit:
        newsletter = "[selections.newsletter]\nintent = 5\nhand_raise = false\n\n[selections.question]"
        await apply_agreement(unit, SHIPPED.replace("[selections.question]", newsletter), ["m", "s"], handoff.now)
    signed_up, raised_at = handoff.now - timedelta(days=30), handoff.now
    asked = {"form": "contact", "selection": "newsletter", "received_at": signed_up}
    for _ in range(3):
        await handoff.hear(events.LeadOpened.model_validate({"lead_id": uuid7(), "person_id": uuid7(), **asked}))
    hot = await handoff.qualify(**asked)
    by_hand = await raised(handoff)
    handoff.now = raised_at + timedelta(seconds=90)
    for lead in (hot, by_hand):
        await handoff.hear(events.OutcomeContacted(lead_id=lead))
    numbers = (await board(handoff))["numbers"]
    assert (numbers["hand_raises"], numbers["mql"], numbers["contacted"]) == (1, 2, 2)
    assert (numbers["speed_to_lead_p90"], numbers["speed_to_lead_business_p90"]) == (90, 90)


async def test_what_sales_did_with_a_lead_still_counts_when_its_client_raises_a_hand_again(handoff: Handoff) -> None:
    """One need, one hand: the second lead stands for it. That the first was accepted, reached and given back is no less true."""
    person = uuid7()
    first = await raised(handoff, person_id=person)
    await handoff.pass_time(seconds=90)
    async with handoff.database.transaction() as unit:
        offer = await handoff.active(first)
        for step, details in (("contacted", {}), ("recycled", {"reason": "wrong number"})):
            await command_assignment(unit, offer["id"], step, details, handoff.now)
    before = (await board(handoff))["numbers"]
    await handoff.pass_time(hours=2)
    second = await raised(handoff, person_id=person)
    await handoff.hear(events.LeadMerged(lead_id=first, person_id=person, into=second))
    found = await board(handoff)
    names = ("sal", "contacted", "recycled", "speed_to_lead_p50")
    assert {name: found["numbers"][name] for name in names} == {name: before[name] for name in names}
    assert (found["numbers"]["hand_raises"], found["numbers"]["mql"], found["numbers"]["offered"]) == (1, 2, 2)
    assert (found["reject_reasons"], found["numbers"]["contactable_rate"]) == ({"wrong number": 1}, 50.0)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Europe/Berlin"])
async def test_the_costs_of_two_months_that_adjoin_add_up(handoff: Handoff, zone: str) -> None:
    handoff.now += timedelta(seconds=1)
    async with handoff.database.transaction() as unit:
        await apply_agreement(unit, SHIPPED.replace('zone = "UTC"', f'zone = "{zone}"'), ["m", "s"], handoff.now)
        version = await store.agreements.version(unit, None)
    for day, amount in ((date(2026, 2, 28), "1.00"), (date(2026, 3, 1), "10.00"), (date(2026, 3, 31), "100.00")):
        priced = {"campaign": "spring", "spent_on": day, "currency": "USD", "amount": amount}
        await handoff.hear(events.CampaignPriced.model_validate(priced))
    first = [datetime(2026, month, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC) for month in (2, 3, 4)]
    noon = datetime(2026, 2, 28, 12, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    spans = [(first[0], first[1]), (first[1], first[2]), (first[0], first[2]), (first[0], noon), (noon, first[2])]
    async with handoff.database.reading() as unit:
        found = [await read_scoreboard(unit, version, *span, None, handoff.now) for span in spans]
    costs = [one["numbers"]["cost"]["USD"] for one in found]
    assert costs == ["1.00", "110.00", "111.00", "1.00", "110.00"]


async def test_numbers_are_cut_by_every_dimension_and_add_up(handoff: Handoff) -> None:
    await a_busy_week(handoff)
    rows = {row["key"]: row["numbers"] for row in (await board(handoff, "source"))["rows"]}
    assert {key: (one["mql"], one["won"]) for key, one in rows.items()} == {"google": (2, 1), "direct": (1, 0)}
    for by in ("source", "medium", "campaign", "form", "selection", "tier", "pool", "rep"):
        found = await board(handoff, by)
        for name in ("hand_raises", "mql", "sal", "won", "lost"):
            assert sum(row["numbers"][name] for row in found["rows"]) == found["numbers"][name], (by, name)


async def test_speed_is_counted_by_the_clock_and_while_the_pool_was_open(handoff: Handoff) -> None:
    hours = '[pools.team]\nhours = { "mon-fri" = ["09:00-15:01"] }'
    handoff.now += timedelta(seconds=1)
    async with handoff.database.transaction() as unit:
        await apply_agreement(unit, SHIPPED.replace("[pools.team]", hours), ["m", "s"], handoff.now)
    lead = await raised(handoff)
    await handoff.pass_time(hours=18, minutes=10)  # 15:00 to 09:10 of the next day: a minute, and ten
    await handoff.hear(events.OutcomeContacted(lead_id=lead))
    numbers = (await board(handoff))["numbers"]
    assert numbers["speed_to_lead_p50"] == (18 * 60 + 10) * 60
    assert numbers["speed_to_lead_business_p50"] == 11 * 60


async def test_reaching_a_client_at_last_keeps_no_promise_of_the_offer_that_was_declined(handoff_database: Database) -> None:
    """Who has nobody else is asked again: the first offer was answered in time, the second neither answered nor reached."""
    handoff = Handoff(handoff_database)
    await handoff.start("Rosa")
    lead = await raised(handoff, tier="P2")
    async with handoff.database.transaction() as unit:
        await command_assignment(unit, (await handoff.active(lead))["id"], "declined", {"reason": "busy"}, handoff.now)
    for _ in range(30):
        await handoff.pass_time(minutes=1)
    await handoff.hear(events.OutcomeContacted(lead_id=lead))
    assert (await board(handoff))["numbers"]["sla_kept_rate"] == 33.3
    declined, reached = (await lines(handoff))["board_assignment"]
    assert (declined["ended_as"], declined["touched_at"], reached["touched_at"]) == ("declined", None, handoff.now)


async def test_reaching_a_client_at_last_keeps_no_promise_of_the_offer_that_was_taken_back(handoff_database: Database) -> None:
    """It was accepted in time and taken back; the next one to the same rep was answered too late, and then the client reached."""
    handoff = Handoff(handoff_database)
    await handoff.start("Rosa")
    lead = await raised(handoff, tier="P2")
    await accept(handoff, lead)
    async with handoff.database.transaction() as unit:
        await withdraw(unit, lead, "", handoff.now)
    for _ in range(11):
        await handoff.pass_time(minutes=1)
    await accept(handoff, lead)
    await handoff.hear(events.OutcomeContacted(lead_id=lead))
    assert (await board(handoff))["numbers"]["sla_kept_rate"] == 66.7
    taken_back, reached = (await lines(handoff))["board_assignment"]
    assert (taken_back["ended_as"], taken_back["touched_at"], reached["touched_at"]) == ("withdrawn", None, handoff.now)


async def accept(handoff: Handoff, lead: UUID) -> None:
    async with handoff.database.transaction() as unit:
        await command_assignment(unit, (await handoff.active(lead))["id"], "accepted", {}, handoff.now)


async def test_a_change_of_hours_restates_business_time(handoff: Handoff) -> None:
    lead = await raised(handoff)
    await handoff.pass_time(minutes=2)
    await handoff.hear(events.OutcomeContacted(lead_id=lead))
    assert (await board(handoff))["numbers"]["speed_to_lead_business_p50"] == 120
    hours = '[pools.team]\nhours = { "mon-fri" = ["09:00-15:01"] }'
    async with handoff.database.transaction() as unit:
        await apply_agreement(unit, SHIPPED.replace("[pools.team]", hours), ["m", "s"], handoff.now)
    assert (await board(handoff))["numbers"]["speed_to_lead_business_p50"] == 60


async def test_made_again_from_the_facts_the_lines_are_the_same(handoff: Handoff) -> None:
    await board(handoff)
    await a_busy_week(handoff)
    await board(handoff)  # made once in the middle
    await handoff.pass_time(hours=2)
    await board(handoff)
    before = await lines(handoff)
    async with handoff.database.transaction() as unit:
        await store.board.clear(unit)
    assert (await lines(handoff))["board_lead"] == []
    await board(handoff)
    assert await lines(handoff) == before
    assert len(before["board_lead"]) == 4


async def test_who_was_joined_twice_in_one_moment_is_one_person_however_often_it_is_counted(handoff: Handoff) -> None:
    leads, first, last = [await raised(handoff) for _ in range(30)], uuid7(), uuid7()
    for lead in leads:
        for into, id in ((last, f"{lead} 2"), (first, f"{lead} 1")):  # read in another order than they were written
            await handoff.hear(events.PersonMerged(lead_id=lead, person_id=uuid7(), into=into), id=id)
    await board(handoff)
    assert {line["person_id"] for line in (await lines(handoff))["board_lead"]} == {last}


async def lines(handoff: Handoff) -> dict[str, list[Any]]:
    async with handoff.database.reading() as unit:
        return {name: await unit.fetch(f"SELECT * FROM {name} ORDER BY 1") for name in ("board_lead", "board_assignment")}


async def test_facts_hold_no_personal_data(handoff: Handoff) -> None:
    lead = await raised(handoff, attribution={**GOOGLE, "utm_source": "ada@example.net", "utm_campaign": "+1 212 555 0123"})
    await handoff.hear(events.OutcomeLost(lead_id=lead, reason="Ada Case moved to 12 Elm St"))
    await handoff.hear(events.ComplaintOpened(lead_id=lead, reason="Ada is angry"))
    async with handoff.database.reading() as unit:
        kept = str(await unit.fetch("SELECT data FROM fact")) + str(await unit.fetch("SELECT * FROM board_lead"))
    for personal in ("Ada", "ada@", "555", "abc123", "a@b.c", "The tap drips", "Elm"):
        assert personal not in kept
    assert "gclid" in kept


@pytest.mark.parametrize("question", ["", "hand_raise = false\n"])
async def test_what_is_no_choice_of_the_agreement_is_a_question_and_no_fact(handoff: Handoff, question: str) -> None:
    handoff.now += timedelta(seconds=1)
    async with handoff.database.transaction() as unit:
        changed = SHIPPED.replace("[selections.question]\n", f"[selections.question]\n{question}")
        await apply_agreement(unit, changed, ["m", "s"], handoff.now)
    await raised(handoff, selection="Ada Case, 12 Elm St: the tap")
    await raised(handoff, selection="estimate")
    async with handoff.database.reading() as unit:
        assert "Ada" not in str(await unit.fetch("SELECT data FROM fact"))
    found = await board(handoff, by="selection")
    assert {row["key"] for row in found["rows"]} == {"estimate", "question"}
    assert found["numbers"]["hand_raises"] == (1 if question else 2)


AGREED = 'lost_reasons = ["Wrong number", "Price too high"]'


async def agreed(handoff: Handoff, line: str = AGREED) -> None:
    """The shipped agreement with a list of reasons."""
    handoff.now += timedelta(seconds=1)
    async with handoff.database.transaction() as unit:
        await apply_agreement(unit, SHIPPED.replace(f"{line.split(' ')[0]} = []", line), ["m", "s"], handoff.now)


@pytest.mark.parametrize("said", ["Wrong number", "wrong number", "WRONG_NUMBER"])
async def test_a_reason_counts_however_it_is_written_and_is_shown_as_agreed(handoff: Handoff, said: str) -> None:
    await agreed(handoff)
    by_rep, by_crm = await raised(handoff), await raised(handoff)
    async with handoff.client() as client:
        path = f"/v1/assignments/{(await handoff.active(by_rep))['id']}/lost"
        assert (await client.post(path, json={"reason": said})).status_code == 200
    await handoff.hear(events.OutcomeLost(lead_id=by_crm, reason=said))
    found = await board(handoff)
    assert found["reject_reasons"] == {"Wrong number": 2}
    assert found["numbers"]["contactable_rate"] == 0.0


async def test_a_crm_may_say_what_is_not_agreed_and_it_counts_as_other(handoff: Handoff) -> None:
    await agreed(handoff)
    lead = await raised(handoff)
    assert await handoff.refusal(events.OutcomeLost(lead_id=lead, reason="spoke to ada case of elm street")) == ""
    found = await board(handoff)
    assert (found["reject_reasons"], found["numbers"]["contactable_rate"]) == ({"other": 1}, 100.0)
    async with handoff.database.reading() as unit:
        assert "elm" not in str(await unit.fetch("SELECT data FROM fact"))


async def test_what_a_rep_types_where_any_reason_is_taken_is_not_kept_as_a_fact(handoff: Handoff) -> None:
    lead = await raised(handoff)
    async with handoff.client() as client:
        path = f"/v1/assignments/{(await handoff.active(lead))['id']}/lost"
        assert (await client.post(path, json={"reason": "spoke to ada case of elm street"})).status_code == 200
    assert (await board(handoff))["reject_reasons"] == {"other": 1}


def test_our_own_reasons_and_marketings_are_facts() -> None:
    assert {reason for *_, reason in ENDED.values()} <= OURS
    assert set(known_reasons(None).values()) == {*OURS, *REASONS}


async def test_a_changed_definition_restates_history_and_its_version_is_shown(handoff: Handoff) -> None:
    await a_busy_week(handoff)
    async with handoff.database.reading() as unit:
        old = await store.agreements.version(unit, None)
    changed = SHIPPED.replace("implied = true", "implied = false\nversion = 2")
    async with handoff.database.transaction() as unit:
        await apply_agreement(unit, changed, ["m", "s"], handoff.now)
    found, before = await board(handoff), await board(handoff, agreement=old["hash"])
    assert (before["numbers"]["sal"], found["numbers"]["sal"]) == (2, 0)
    assert [next(one["version"] for one in each["metrics"] if one["name"] == "sal") for each in (before, found)] == [1, 2]
    assert found["agreement"]["hash"] != before["agreement"]["hash"] == old["hash"]


@pytest.mark.parametrize("file", ["agreement.toml", "demo/agreement.toml"])
def test_the_shipped_agreements_define_every_number(file: str) -> None:
    defined = parse((ROOT / "deploy" / file).read_text()).metrics
    assert [one.name for one in METRICS if one.name not in defined] == []
    assert set(defined) <= {one.name for one in METRICS}


def test_a_rate_of_nothing_is_no_number() -> None:
    numbers = numbers_of({})
    assert [numbers[one.name] for one in METRICS if one.unit in ("percent", "per 100 touches")] == [None] * 7
    assert set(numbers) == {one.name for one in METRICS}


# ---- over HTTP ------------------------------------------------------------------------------------------------------------
@pytest.fixture
async def client(handoff: Handoff) -> AsyncIterator[httpx.AsyncClient]:
    async with handoff.client() as opened:
        yield opened


async def test_the_answer_has_each_number_with_its_definition_and_the_span_before(
    handoff: Handoff, client: httpx.AsyncClient
) -> None:
    await a_busy_week(handoff)
    span = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-08T00:00:00Z"}
    found = (await client.get("/v1/scoreboard", params={**span, "by": "campaign"})).json()
    assert found["numbers"]["won"] == 1  # counted on reading, although nobody followed the facts before
    assert found["previous"]["from"] == "2026-02-22T00:00:00Z"
    metric = next(one for one in found["metrics"] if one["name"] == "accepted_rate")
    assert metric["definition"]
    assert (metric["team"], metric["promise"], metric["kept"]) == ("marketing", 80, False)
    assert found["rows"][0]["label"] == "spring"
    assert {one["pool"] for one in found["fairness"]} == {"team"}


async def test_a_day_without_a_zone_begins_where_the_company_is(handoff: Handoff, client: httpx.AsyncClient) -> None:
    agreement = SHIPPED.replace('zone = "UTC"', 'zone = "America/New_York"')
    async with handoff.database.transaction() as unit:
        await apply_agreement(unit, agreement, ["m", "s"], handoff.now + timedelta(seconds=1))
    span = {"from": "2026-03-01", "to": "2026-04-01T00:00:00"}
    found = (await client.get("/v1/scoreboard", params=span)).json()
    assert (found["from"], found["to"]) == ("2026-03-01T05:00:00Z", "2026-04-01T04:00:00Z")
    said = (await client.get("/v1/scoreboard", params={"from": "2026-03-01T00:00:00Z", "to": "2026-04-01T02:00:00+02:00"})).json()
    assert (said["from"], said["to"]) == ("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z")


@pytest.mark.parametrize(
    ("since", "until", "before"),
    [
        ("2026-03-08", "2026-03-15", "2026-03-01T05:00:00Z"),  # the week in which the clock goes forward
        ("2026-11-01", "2026-11-08", "2026-10-25T04:00:00Z"),  # and back
        ("2026-03-01", "2026-03-08", "2026-02-22T05:00:00Z"),
        ("2026-03-08T00:00:00", "2026-03-08T12:00:00", "2026-03-07T18:00:00Z"),  # no whole days: as many hours
    ],
)
async def test_the_days_before_are_as_many_whole_days_where_the_clock_changes(
    handoff: Handoff, client: httpx.AsyncClient, since: str, until: str, before: str
) -> None:
    async with handoff.database.transaction() as unit:
        agreement = SHIPPED.replace('zone = "UTC"', 'zone = "America/New_York"')
        await apply_agreement(unit, agreement, ["m", "s"], handoff.now + timedelta(seconds=1))
    found = (await client.get("/v1/scoreboard", params={"from": since, "to": until})).json()
    assert (found["previous"]["from"], found["previous"]["to"]) == (before, found["from"])


@pytest.mark.parametrize(
    ("attribution", "campaign"),
    [
        ({"utm_campaign": "17345678901", "gclid": "abc"}, "17345678901"),  # the platform fills in its own number
        ({"utm_campaign": "Spring"}, "spring"),
        ({"utm_campaign": "x" * 200}, "x" * 200),  # as long as the key it is priced by
        ({"utm_campaign": "12125550123"}, ""),
        ({"utm_campaign": "+1 212 555 0123", "gclid": "abc"}, ""),
        ({"utm_campaign": "ada@example.net", "gclid": "abc"}, ""),
        ({"utm_source": "12125550123", "gclid": "abc"}, ""),
    ],
)
def test_a_campaign_has_the_name_it_is_priced_by_and_no_persons_number(attribution: dict[str, str], campaign: str) -> None:
    origin = origin_of(attribution, referred=False)
    assert (origin["campaign"], origin["source"]) == (campaign, "google" if "gclid" in attribution else "direct")


async def test_a_table_never_holds_a_formula(handoff: Handoff, client: httpx.AsyncClient) -> None:
    for campaign in ("=1+1", "+1", "-2+3", "@SUM(A1)", "\t=1", "ok"):
        await raised(handoff, attribution={"utm_campaign": campaign})
    answer = await client.get("/v1/scoreboard.csv", params={"by": "campaign", "from": "2026-03-01", "to": "2026-04-01"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert all(not cell.lstrip().startswith(("=", "+", "-", "@")) for row in rows for cell in row)
    assert {"ok", "'=1+1", "'-2+3", "total"} <= {row[0] for row in rows}
    as_asked = await client.get("/v1/scoreboard", params={"by": "campaign"}, headers={"Accept": "text/csv"})
    assert as_asked.headers["content-type"] == "text/csv; charset=utf-8"


async def test_in_a_table_two_reps_of_one_name_are_told_apart(handoff: Handoff, client: httpx.AsyncClient) -> None:
    async with handoff.database.transaction() as unit:
        await unit.execute("UPDATE rep SET name = 'Rosa'")
    reps = {str((await handoff.active(await raised(handoff)))["rep_id"]) for _ in range(2)}
    answer = await client.get("/v1/scoreboard.csv", params={"by": "rep", "from": "2026-03-01", "to": "2026-04-01"})
    header, *rows, total = csv.reader(io.StringIO(answer.text))
    assert header[:2] == ["rep", "rep_id"]
    assert [row[0] for row in rows] == ["Rosa", "Rosa"]
    assert {row[1] for row in rows} == reps
    assert total[:2] == ["total", ""]


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\t=1", "\r=1", " =1", "%x", "|x"])
def test_what_a_spreadsheet_would_run_is_guarded(text: str) -> None:
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize(
    "span",
    [
        {"from": "2026-03-02", "to": "2026-03-01"},
        {"from": "0001-01-01", "to": "9999-12-31"},
        {"from": "9999-01-01", "to": "9999-12-31T23:59:59Z"},
        {"from": "0001-01-02T00:00:00Z", "to": "0001-01-02T12:00:00Z"},
        {"by": "name"},
    ],
)
async def test_a_span_that_is_none_gets_422(client: httpx.AsyncClient, span: dict[str, str]) -> None:
    assert (await client.get("/v1/scoreboard", params=span)).status_code == 422
