"""The second step on a real database: who it is, touch or lead, what travels, and what a bug costs."""

import asyncio
import importlib
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from services.intake.domain.submissions import ATTRIBUTION
from services.intake.store import submissions
from tests.services.intake.conftest import Doors
from tests.services.intake.support import NOW, Intake, Worker, plus_newsletter

ADA = {"first_name": "Ada", "last_name": "Byron", "email": "ada@maple.example", "phone": "+14195552001", "selection": "estimate"}
DAY = timedelta(days=1)


async def test_the_same_need_within_thirty_days_is_a_touch_and_another_is_a_lead_of_the_same_person(intake: Intake) -> None:
    first = await intake.lead(**ADA, at=NOW - 29 * DAY)
    again = await intake.lead(**ADA, message="Are you there?")
    other = await intake.lead(**ADA | {"selection": "maintenance"})
    later = await intake.lead(**ADA, at=NOW + 2 * DAY)
    assert [await intake.state(one) for one in (first, again, other, later)] == ["open", "merged", "open", "open"]
    assert len({await intake.person_of(one) for one in (first, other, later)}) == 1
    touched = (await intake.events("lead.touched"))[0]
    assert (touched["lead_id"], touched["message"]) == (str(first), "Are you there?")
    assert [event["type"] for event in await intake.events() if event["key"] == str(again)] == ["lead.merged"]


async def test_what_somebody_gives_when_they_reach_out_again_is_told(intake: Intake) -> None:
    await intake.lead(email="ada@exmaple.net", phone="+14195552001", selection="estimate")
    await intake.lead(**ADA, answers={"floor": "2nd"}, at=NOW + timedelta(hours=1))
    (touched,) = await intake.events("lead.touched")
    assert (touched["contact"]["email"], touched["contact"]["last_name"]) == ("ada@maple.example", "Byron")
    assert touched["answers"] == {"floor": "2nd"}


async def test_a_lead_with_sales_is_still_open_for_a_touch_and_one_that_was_won_is_not(intake: Intake) -> None:
    first = await intake.lead(**ADA)
    await intake.value("UPDATE lead SET stage = 'proposed' WHERE id = $1", first)
    assert await intake.state(await intake.lead(**ADA)) == "merged"
    await intake.value("UPDATE lead SET stage = 'won' WHERE id = $1", first)
    second = await intake.lead(**ADA)
    assert await intake.state(second) == "open"
    reasons = await intake.rows("SELECT rule FROM score_entry WHERE lead_id = $1", second)
    assert "existing_client" in {row["rule"] for row in reasons}


async def test_a_hand_raised_again_after_sales_gave_the_lead_back_goes_to_sales_as_a_lead_of_its_own(intake: Intake) -> None:
    first = await intake.lead(**ADA)
    await intake.value("UPDATE lead SET stage = 'recycled' WHERE id = $1", first)
    second = await intake.lead(**ADA)
    assert (await intake.state(first), await intake.state(second)) == ("merged", "open")
    assert [event["key"] for event in await intake.events("lead.qualified")] == [str(first), str(second)]
    assert (await intake.events("lead.merged"))[0]["into"] == str(second)


async def test_replicas_that_meet_the_same_new_person_end_with_one(intake: Intake) -> None:
    for number in range(12):
        await intake.submit(**ADA | {"selection": f"need {number}"})
    while sum(await asyncio.gather(*(intake.qualify(limit=2) for _ in range(4)))):
        pass
    assert await intake.value("SELECT count(DISTINCT person_id) FROM lead") == 1
    assert await intake.value("SELECT count(*) FROM lead") == 12


async def test_a_submission_with_the_email_of_one_and_the_phone_of_another_links_the_two(intake: Intake) -> None:
    one = await intake.lead(last_name="Byron", email="ada@maple.example", selection="estimate")
    other = await intake.lead(last_name="byron", phone="+14195552001", selection="question")
    third = await intake.lead(**ADA | {"selection": "maintenance"})
    survivor = await intake.person_of(one)
    assert await intake.person_of(third) == survivor
    merged = await intake.events("person.merged")
    assert [(event["lead_id"], event["into"]) for event in merged] == [(str(other), str(survivor))]
    assert await intake.person_of(other) != survivor  # linked, not overwritten
    again = await intake.lead(phone="+14195552001", last_name="Byron", selection="estimate")
    assert await intake.value("SELECT merged_into FROM submission WHERE id = $1", again) == one


async def test_two_new_persons_of_one_batch_who_turn_out_to_be_one_are_linked_and_each_lead_says_so(intake: Intake) -> None:
    ids = [
        await intake.submit(last_name="Byron", email="ada@maple.example", selection="estimate"),
        await intake.submit(last_name="Byron", phone="+14195552001", selection="question"),
        await intake.submit(**ADA | {"selection": "maintenance"}),
    ]
    await intake.qualify()
    told = [event["type"] for event in await intake.events() if event["key"] == str(ids[1])]
    assert told == ["lead.opened", "lead.qualified", "person.merged"]
    assert await intake.value("SELECT count(*) FROM person WHERE merged_into IS NULL") == 1


async def test_conflicting_names_on_a_phone_open_the_lead_and_file_the_pair_once(intake: Intake) -> None:
    await intake.lead(last_name="Byron", phone="+14195552001")
    for need in ("estimate", "maintenance"):
        lead = await intake.lead(last_name="Miller", phone="+14195552001", email="m@maple.example", selection=need)
        assert await intake.state(lead) == "open"
    assert await intake.value("SELECT count(*) FROM review_task") == 1
    assert await intake.value("SELECT count(*) FROM person") == 2


async def test_mailboxes_that_differ_in_a_tag_are_two_persons_and_a_task(intake: Intake) -> None:
    await intake.lead(last_name="Byron", email="ada+tap@maple.example")
    await intake.lead(last_name="Byron", email="ada@maple.example")
    assert await intake.value("SELECT count(*) FROM person") == 2
    assert await intake.value("SELECT reason FROM review_task") == "emails that differ only in dots or a tag"


async def test_a_number_of_a_crowd_joins_nobody(intake: Intake) -> None:
    for number in range(22):
        await intake.submit(last_name=f"Name{number}", phone="+14195552001")
    await intake.qualify()
    before = await intake.value("SELECT count(*) FROM person")
    await intake.lead(last_name="Name3", phone="+14195552001")
    assert await intake.value("SELECT count(*) FROM person") == before + 1


async def test_a_test_lead_is_nobody_we_know(intake: Intake) -> None:
    first = await intake.lead(**ADA)
    trial = await intake.lead(**ADA, test=True)
    assert await intake.person_of(trial) != await intake.person_of(first)
    assert await intake.state(trial) == "open"
    assert await intake.value("SELECT count(DISTINCT person_id) FROM person_key") == 1
    assert await intake.state(await intake.lead(**ADA, message="a touch on the first")) == "merged"
    assert (await intake.events("lead.touched"))[0]["lead_id"] == str(first)


async def test_a_nurtured_lead_qualifies_when_something_happens(intake: Intake) -> None:
    await intake.agree(plus_newsletter(), NOW - DAY)
    reader = {"last_name": "Byron", "email": "ada@maple.example", "phone": "+14195552001", "postal_code": "43004"}
    first = await intake.lead(**reader, selection="newsletter", message="Please tell me about boilers.")
    assert [event["key"] for event in await intake.events("lead.nurturing")] == [str(first)]
    for hour in (1, 2, 3):
        await intake.lead(**reader, selection="newsletter", at=NOW + timedelta(hours=hour))
    told = [event for event in await intake.events() if event["key"] == str(first)]
    kinds = [event["type"] for event in told]
    assert kinds[:3] == ["lead.opened", "lead.nurturing", "lead.touched"]
    assert kinds.count("lead.qualified") == 1
    qualified = next(event for event in told if event["type"] == "lead.qualified")
    assert qualified["score"] >= 50
    assert qualified["message"] == "Please tell me about boilers."
    assert await intake.value("SELECT stage FROM lead WHERE id = $1", first) == "mql"


async def test_a_throw_away_address_costs_points_and_no_more(intake: Intake) -> None:
    lead = await intake.lead(email="x@mailinator.com", selection="estimate")
    assert "disposable_email" in {row["rule"] for row in await intake.rows("SELECT rule FROM score_entry")}
    assert await intake.value("SELECT stage FROM lead WHERE id = $1", lead) == "mql"


async def test_the_first_touch_is_frozen_and_the_promise_travels(intake: Intake) -> None:
    await intake.rows("INSERT INTO campaign VALUES ('spring', 'Free inspection in May', now())")
    await intake.lead(**ADA, attribution={"utm_source": "google", "utm_campaign": "Spring", "gclid": "g1"})
    second = await intake.lead(**ADA | {"selection": "question"}, attribution={"utm_source": "mail"})
    told = await intake.events("lead.qualified")
    assert (told[0]["promise"], told[0]["attribution"]["gclid"]) == ("Free inspection in May", "g1")
    assert told[1]["attribution"] == {"utm_source": "mail"}
    assert told[1]["first_touch"]["gclid"] == "g1"
    opened = (await intake.events("lead.opened"))[1]
    assert (opened["lead_id"], opened["source"], opened["first_campaign"]) == (str(second), "mail", "spring")


async def test_every_mark_of_a_campaign_is_kept_however_it_came(intake: Intake, doors: Doors) -> None:
    marks = {name: f"{name}-1" for name in ATTRIBUTION if name not in ("landing_page", "referrer")}
    page = "https://maple.example/offer?" + urlencode(marks)
    for number, more in enumerate(({"attribution": marks}, marks, {"attribution": {"landing_page": page}})):
        lead = {"email": f"a{number}@maple.example", "selection": "estimate", **more}
        assert (await doors.http.post("/v1/leads", json=lead)).status_code == 202
    await intake.qualify()
    told = await intake.events("lead.qualified")
    assert [{name: one["attribution"].get(name) for name in marks} for one in told] == [marks] * 3


async def test_what_does_not_fit_pushes_out_no_mark_we_know(intake: Intake, doors: Doors) -> None:
    junk = {f"a{number}": "x" * 512 for number in range(60)}
    lead = {"email": "a@maple.example", "selection": "estimate", "attribution": {**junk, "utm_source": "ads", "gclid": "g1"}}
    assert (await doors.http.post("/v1/leads", json=lead)).status_code == 202
    await intake.qualify()
    told = (await intake.events("lead.qualified"))[0]["attribution"]
    assert (told["utm_source"], told["gclid"], len(told)) == ("ads", "g1", 17)


async def test_the_first_touch_is_the_first_also_where_both_leads_waited_for_one_batch(intake: Intake) -> None:
    await intake.submit(**ADA, attribution={"utm_source": "google", "utm_campaign": "Spring"})
    await intake.submit(**ADA | {"selection": "emergency"}, attribution={"utm_source": "mail"})
    await intake.qualify()
    assert [one["first_touch"]["utm_source"] for one in await intake.events("lead.qualified")] == ["google", "google"]
    assert [one["first_campaign"] for one in await intake.events("lead.opened")] == ["spring", "spring"]


async def test_the_last_touch_is_the_submission_a_lead_was_opened_by_and_stays_so(intake: Intake) -> None:
    first = await intake.lead(**ADA, attribution={"utm_source": "google"})
    second = await intake.lead(**ADA | {"selection": "question"}, attribution={"utm_source": "mail"})
    await intake.lead(**ADA | {"selection": "question", "message": "Still there?"}, attribution={"utm_source": "radio"})
    rows = await intake.rows("SELECT id, first_touch, last_touch FROM lead WHERE stage <> 'merged' ORDER BY id")
    wanted = [(first, first, first), (second, first, second)]
    assert [(row["id"], row["first_touch"], row["last_touch"]) for row in rows] == wanted


async def test_out_of_the_area_is_disqualified_with_the_referral_text(intake: Intake) -> None:
    text = (
        plus_newsletter()
        .replace("postal_codes = []", 'postal_codes = ["43004"]')
        .replace('referral = ""', 'referral = "Please ask Oak & Sons."')
    )
    await intake.agree(text, NOW - DAY)
    lead = await intake.lead(**ADA, postal_code="90210")
    assert await intake.state(lead) == "disqualified"
    assert (await intake.events("lead.disqualified"))[0]["referral"] == "Please ask Oak & Sons."


@pytest.mark.parametrize("place", ["decide.score_lines", "people.identify"])
async def test_a_bug_over_one_submission_harms_no_other_and_loses_nothing(
    intake: Intake, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Planted where we score, and where we identify."""
    module = importlib.import_module(f"services.intake.use_cases.qualify.{place.split('.')[0]}")
    name = place.split(".")[1]
    real = getattr(module, name)

    def broken(*arguments: Any) -> Any:
        if "Poison" in repr(arguments) or any("poison" in repr(line) for line in arguments[:1]):
            raise KeyError("ada@maple.example")
        return real(*arguments)

    ids = [await intake.submit(last_name=f"Good{n}", email=f"good{n}@maple.example") for n in range(5)]
    bad = await intake.submit(last_name="Poison", email="poison@maple.example", selection="poison")
    ids += [await intake.submit(last_name=f"Late{n}", email=f"late{n}@maple.example") for n in range(5)]
    monkeypatch.setattr(module, name, broken)
    scheduler = Worker(intake.database)
    worker = asyncio.create_task(scheduler.qualify())
    try:
        async with asyncio.timeout(15):
            while await intake.value("SELECT count(*) FROM submission WHERE state = 'open'") < 10:
                await asyncio.sleep(0.02)
            assert await intake.state(bad) == "waiting"  # the others did not wait for it
            while await intake.state(bad) == "waiting":
                await asyncio.sleep(0.02)
        assert await intake.state(bad) == "quarantined"
        first, second, third = scheduler.failed_at
        assert second - first >= 0.2
        assert third - second >= 0.8  # each pause four times as long
        reason = await intake.value("SELECT reason FROM submission WHERE id = $1", bad)
        assert reason.startswith("KeyError in ")
        assert "maple" not in reason
    finally:
        worker.cancel()
    monkeypatch.undo()
    async with intake.database.transaction() as unit:  # releasing it is all it takes
        await unit.execute("UPDATE submission SET state = 'waiting', retry_at = NULL WHERE id = $1", bad)
        assert len(await submissions.take_waiting(unit, 10, NOW)) == 1
    await intake.qualify()
    assert await intake.state(bad) == "open"


async def test_a_bad_one_that_another_replica_lets_go_is_not_counted_against_the_one_in_hand(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, real = importlib.import_module("services.intake.use_cases.qualify"), submissions.take_waiting
    bad, good = await intake.submit(last_name="Poison", email="poison@maple.example"), await intake.submit(**ADA)
    await intake.rows("UPDATE submission SET state = 'quarantined' WHERE id = $1", bad)  # as if locked

    async def take(unit: Any, limit: int, now: Any) -> Any:
        rows = await real(unit, limit, now)
        if [row["id"] for row in rows] == [good]:
            await intake.rows("UPDATE submission SET state = 'waiting' WHERE id = $1 AND state = 'quarantined'", bad)
        return rows

    def broken(batch: Any, row: Any) -> None:
        if row["id"] == bad:
            raise KeyError

    monkeypatch.setattr(submissions, "take_waiting", take)
    monkeypatch.setattr(module, "decide", broken)
    await Worker(intake.database)._qualify_one_by_one()
    failed = await intake.rows("SELECT id FROM submission WHERE attempts > 0")
    assert [row["id"] for row in failed] == [bad]
