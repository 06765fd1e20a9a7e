"""What users of rival systems suffer from, and does not happen here: double submits, lost leads, wrong merges, bots."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tests.services.intake.conftest import Doors
from tests.services.intake.support import Intake, command

FORM = {
    "first_name": "Ada",
    "last_name": "Case",
    "phone": "(212) 555-0123",
    "email": "ada@example.net",
    "selection": "estimate",
    "message": "The tap drips.",
}


async def test_a_double_submit_is_one_lead_and_gets_the_same_answer(doors: Doors) -> None:
    answers = await asyncio.gather(*(doors.http.post("/v1/leads", json=FORM) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["lead_id"] for answer in answers}) == 1
    assert len(await doors.submissions()) == 1


async def test_there_is_no_thank_you_page_without_a_lead(doors: Doors) -> None:
    """Every yes is a row; where the row cannot be written nobody is thanked."""
    thanked = await doors.http.post("/f/contact", data=FORM)
    assert thanked.status_code == 303
    assert len(await doors.submissions()) == 1
    async with doors.database.transaction() as unit:
        await unit.execute("ALTER TABLE submission RENAME TO elsewhere")
    refused = await doors.http.post("/f/contact", data={**FORM, "message": "Another"})
    assert refused.status_code >= 500
    async with doors.database.transaction() as unit:
        await unit.execute("ALTER TABLE elsewhere RENAME TO submission")
    assert len(await doors.submissions()) == 1


async def test_an_outage_of_the_broker_loses_nothing_the_events_wait_with_the_lead(intake: Intake) -> None:
    """There is no broker here at all."""
    lead = await intake.lead(**FORM)
    assert await intake.state(lead) == "open"
    assert [one["type"] for one in await intake.events()][-1] == "lead.qualified"


async def test_duplicates_are_found_however_they_are_typed_and_never_joined_wrongly(doors: Doors, intake: Intake) -> None:
    named = {name: FORM[name] for name in ("first_name", "last_name", "message")}
    typed = [
        {**named, "phone": "(212) 555-0123", "selection": "estimate"},
        {**named, "phone": "+1 212.555.0123", "selection": "maintenance"},
        {**named, "phone": "2125550123", "selection": "maintenance", "first_name": "Bo", "last_name": "Long"},
    ]
    ids = [UUID((await doors.http.post("/v1/leads", json=one)).json()["lead_id"]) for one in typed]
    await intake.qualify(now=datetime.now(UTC))
    one, same, other = [await intake.person_of(lead_id) for lead_id in ids]
    assert one == same
    assert other != one
    assert await intake.value("SELECT count(*) FROM review_task") == 1


async def test_a_merge_loses_no_data_both_submissions_stay_as_they_were_sent(intake: Intake) -> None:
    first = await intake.lead(**FORM)
    second = await intake.lead(**FORM | {"message": "Now it floods!", "phone": "212 555 0123"})
    assert await intake.state(second) == "merged"
    contents = [row["content"] for row in await intake.rows("SELECT content FROM submission ORDER BY id")]
    assert [content["fields"]["message"] for content in contents] == ["The tap drips.", "Now it floods!"]
    (touched,) = await intake.events("lead.touched")
    assert (touched["lead_id"], touched["message"]) == (str(first), "Now it floods!")


async def test_attribution_is_not_lost_the_first_touch_is_frozen_and_every_touch_is_kept(intake: Intake) -> None:
    await intake.lead(**FORM, attribution={"utm_source": "google", "gclid": "g1"})
    await intake.lead(**FORM | {"selection": "question"}, attribution={"utm_source": "mail"})
    first, second = await intake.events("lead.qualified")
    assert (first["attribution"]["gclid"], second["attribution"]) == ("g1", {"utm_source": "mail"})
    assert second["first_touch"]["gclid"] == "g1"


async def test_bots_get_a_normal_answer_and_a_record_that_can_be_released(doors: Doors, intake: Intake) -> None:
    human, bot = [await doors.http.post("/f/contact", data={**FORM, "message": text, **trap}) for text, trap in BOTS]
    assert (bot.status_code, bot.headers["location"]) == (human.status_code, human.headers["location"])
    await intake.qualify()
    assert [row["state"] for row in await doors.submissions()] == ["open", "quarantined"]
    quarantined = (await doors.submissions())[1]["id"]
    await command(intake, "quarantine", "release", str(quarantined))
    await intake.qualify()
    assert await intake.state(quarantined) in ("open", "merged")


BOTS: tuple[tuple[str, dict[str, Any]], ...] = (("Hello", {}), ("Buy now", {"_gotcha": "filled"}))
