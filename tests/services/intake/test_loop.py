"""What followup sends back becomes leads, once: a referred friend, a client's maintenance."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from services.intake.use_cases.hear_followup import Loop
from shared import events
from shared.envelope import Received
from tests.services.intake.support import NOW, Intake, command

ADA = {"first_name": "Ada", "last_name": "Byron", "email": "ada@maple.example", "selection": "estimate"}
LOOP = Loop("US")


def heard(event: Any, event_id: str | None = None) -> Received:
    return Received("followup.touches.v1", str(event.client_id), event_id or str(uuid4()), "/followup", event, NOW, None)


async def hear(intake: Intake, *received: Received) -> None:
    async with intake.database.transaction() as unit:
        for one in received:
            by_kind = {events.ReferralReceived: LOOP.hear_referral, events.MaintenanceRequested: LOOP.hear_maintenance}
            await by_kind[type(one.event)](unit, [one], NOW)


def referral(client: UUID, **contact: str) -> events.ReferralReceived:
    return events.ReferralReceived(client_id=client, lead_id=uuid4(), contact=events.Contact(**contact), message="My friend")


async def test_a_referred_friend_is_a_new_lead_that_says_who_sent_them(intake: Intake) -> None:
    client = await intake.person_of(await intake.lead(**ADA))
    one = heard(referral(client, first_name="Ben", last_name="Oak", phone="(419) 555-2001"))
    await hear(intake, one, one)  # a redrive after the inbox forgot
    await intake.qualify()
    found = (await intake.events("lead.qualified"))[1]
    assert (found["form"], found["referred_by"], found["consents"]) == ("referral", str(client), [])
    assert (found["contact"]["phone"], found["attribution"]) == ("+14195552001", {"utm_source": "referral"})
    assert await intake.value("SELECT count(*) FROM submission") == 2
    assert await intake.value("SELECT count(DISTINCT person_id) FROM lead") == 2


async def test_a_friend_nobody_can_reach_is_set_aside_and_counted(intake: Intake) -> None:
    client = await intake.person_of(await intake.lead(**ADA))
    await hear(intake, heard(referral(client, first_name="Ben", phone="12", email="not an address")))
    assert await intake.value("SELECT reason FROM submission WHERE state = 'quarantined'") == "no way to reach them"
    asked = "SELECT content->'answers' FROM submission WHERE state = 'quarantined'"
    assert await intake.value(asked) == {"phone (as sent)": "12", "email (as sent)": "not an address"}


async def test_maintenance_comes_with_the_number_they_corrected_later(intake: Intake) -> None:
    first = await intake.lead(**ADA, phone="+14195552001", postal_code="43604")
    await intake.lead(**ADA, phone="+14195552009", at=NOW + timedelta(minutes=5))
    assert len(await intake.events("lead.touched")) == 1
    client = await intake.person_of(first)
    await hear(intake, heard(events.MaintenanceRequested(client_id=client, lead_id=first, trade="plumbing")))
    await intake.qualify()
    told = (await intake.events("lead.qualified"))[1]["contact"]
    assert (told["email"], told["phone"], told["postal_code"]) == ("ada@maple.example", "+14195552009", "43604")


async def test_maintenance_is_a_lead_of_the_very_client_with_the_contact_they_gave_last(intake: Intake) -> None:
    first = await intake.lead(**ADA)
    client = await intake.person_of(first)
    wish = events.MaintenanceRequested(client_id=client, lead_id=first, trade="plumbing")
    await hear(intake, heard(wish))
    await intake.qualify()
    found = (await intake.events("lead.qualified"))[1]
    assert (found["person_id"], found["selection"], found["form"]) == (str(client), "maintenance", "maintenance")
    assert (found["contact"]["email"], found["answers"]) == ("ada@maple.example", {"trade": "plumbing"})
    await hear(intake, heard(wish))
    await intake.qualify()
    assert len(await intake.events("lead.touched")) == 1  # one that is open already


async def test_of_a_merged_client_it_is_the_one_they_ended_in_and_of_an_erased_one_nobody(intake: Intake) -> None:
    first = await intake.lead(**ADA)
    survivor = await intake.person_of(first)
    other = await intake.person_of(await intake.lead(**ADA | {"email": "a.byron@firm.example"}))
    await command(intake, "persons", "merge", str(survivor), str(other))
    await hear(intake, heard(events.MaintenanceRequested(client_id=other, lead_id=first, trade="")))
    await intake.qualify()
    assert (await intake.events("lead.qualified"))[-1]["person_id"] == str(survivor)
    await command(intake, "persons", "erase", str(survivor), "--yes")
    before = await intake.value("SELECT count(*) FROM submission")
    await hear(intake, heard(events.MaintenanceRequested(client_id=other, lead_id=first, trade="again")))
    assert await intake.value("SELECT count(*) FROM submission") == before
