"""People look at persons: merging links, undoing splits for leads to come, and nobody is joined against their word."""

import asyncio
from uuid import UUID, uuid4

import orjson
import pytest

from services.intake.use_cases.persons import merge_persons
from tests.services.intake.conftest import Doors
from tests.services.intake.support import NOW, Intake, command

BYRON = {"last_name": "Byron"}
MAIL, PHONE = {"email": "ada@maple.example"}, {"phone": "+14195552001"}


async def two(intake: Intake) -> tuple[UUID, UUID]:
    one, other = await intake.lead(**BYRON, **MAIL), await intake.lead(**BYRON, **PHONE)
    return await intake.person_of(one), await intake.person_of(other)


async def test_a_merge_is_told_per_lead_and_taken_back_for_leads_to_come(intake: Intake) -> None:
    one, other = await two(intake)
    assert str(one) in await command(intake, "persons", "merge", str(other), str(one))
    merged = await intake.events("person.merged")
    assert [(event["person_id"], event["into"]) for event in merged] == [(str(other), str(one))]
    together = await intake.lead(**BYRON, **PHONE, selection="estimate")
    assert await intake.person_of(together) == one

    await command(intake, "persons", "unmerge", str(other))
    apart = await intake.lead(**BYRON, **PHONE, selection="maintenance")
    assert await intake.person_of(apart) == other
    assert await intake.person_of(together) == one  # what was decided stays
    assert len(await intake.events("person.merged")) == 1
    both = await intake.lead(**BYRON, **MAIL, **PHONE, selection="emergency")
    assert await intake.person_of(both) == one  # never joined again by themselves
    assert await intake.value("SELECT count(*) FROM person WHERE merged_into IS NOT NULL") == 0
    history = orjson.loads(await command(intake, "persons", "show", "ada@maple.example"))["merges"]
    assert history[0]["undone_at"] is not None


async def test_two_whose_names_stand_on_other_keys_than_those_in_hand_are_not_joined(intake: Intake) -> None:
    hers, office = {"phone": "+14195552002"}, {"email": "office@maple.example"}
    byron = await intake.person_of(await intake.lead(**BYRON, **hers))
    await intake.lead(**hers, **office, selection="estimate")
    miller = await intake.person_of(await intake.lead(last_name="Miller", **PHONE))
    assert await intake.person_of(await intake.lead(**office, **PHONE, selection="maintenance")) == byron
    assert miller != byron
    assert await intake.value("SELECT count(*) FROM person_merge") == 0


async def test_a_number_that_joined_two_under_another_name_is_its_owners_again_when_that_is_taken_back(intake: Intake) -> None:
    one = await intake.person_of(await intake.lead(**BYRON, **MAIL))
    other = await intake.person_of(await intake.lead(**PHONE))
    await intake.lead(**BYRON, **MAIL, **PHONE, selection="estimate")  # one submission with keys of both
    await command(intake, "persons", "unmerge", str(other))
    for name in ({}, BYRON):
        lead = await intake.lead(**name, **PHONE, selection=f"maintenance {len(name)}")
        assert await intake.person_of(lead) == other
    assert await intake.person_of(await intake.lead(**BYRON, **MAIL, selection="emergency")) == one


async def test_what_was_refused_while_two_were_one_is_refused_by_both(intake: Intake) -> None:
    one, other = await two(intake)
    await command(intake, "persons", "consent", MAIL["email"], "--channel", "email", "--revoked")
    await command(intake, "persons", "merge", str(other), str(one))
    await command(intake, "persons", "consent", PHONE["phone"], "--channel", "sms", "--revoked")
    await command(intake, "persons", "unmerge", str(other))
    for keys, wanted in ((PHONE, {"sms"}), (MAIL, {"email", "sms"})):
        await intake.lead(**BYRON, **keys, selection="maintenance")
        told = (await intake.events("lead.qualified"))[-1]["consents"]
        assert {answer["channel"] for answer in told if not answer["granted"]} == wanted


async def test_two_at_once_merge_the_same_pair_once(intake: Intake) -> None:
    one, other = await two(intake)

    async def merge(left: UUID, right: UUID) -> UUID | None:
        async with intake.database.transaction() as unit:
            return await merge_persons(unit, left, right, "both clicked", NOW)

    answers = await asyncio.gather(merge(one, other), merge(other, one))
    assert sorted(answer is None for answer in answers) == [False, True]
    assert len(await intake.events("person.merged")) == 1


async def test_a_chain_of_merges_is_one_person_and_each_link_can_be_undone(intake: Intake) -> None:
    one, other = await two(intake)
    third = await intake.person_of(await intake.lead(**BYRON, email="a.byron@firm.example"))
    await command(intake, "persons", "merge", str(third), str(other))
    await command(intake, "persons", "merge", str(other), str(one))
    shown = orjson.loads(await command(intake, "persons", "show", "a.byron@firm.example"))
    assert (shown["person_id"], len(shown["leads"]), len(shown["keys"])) == (str(one), 3, 3)
    await command(intake, "persons", "unmerge", str(other))
    assert orjson.loads(await command(intake, "persons", "show", "a.byron@firm.example"))["person_id"] == str(other)
    assert "not merged" in await command(intake, "persons", "unmerge", str(other), fails=True)


async def test_whoever_left_a_chain_is_not_joined_to_its_other_end(intake: Intake) -> None:
    one, other = await two(intake)
    third = await intake.person_of(await intake.lead(**BYRON, email="a.byron@firm.example"))
    await command(intake, "persons", "merge", str(third), str(other))
    await command(intake, "persons", "merge", str(other), str(one))
    await command(intake, "persons", "unmerge", str(third))
    await intake.lead(**BYRON, **PHONE, email="a.byron@firm.example", selection="emergency")
    assert await intake.value("SELECT merged_into FROM person WHERE id = $1", third) is None


async def test_a_task_is_settled_once_as_the_same_or_as_different(intake: Intake) -> None:
    await intake.lead(**BYRON, **PHONE)
    miller = await intake.person_of(await intake.lead(last_name="Miller", **PHONE))
    task, _, _, zone, one, other, *_ = (await command(intake, "reviews", "list")).split()
    assert zone == "UTC"
    assert {UUID(one), UUID(other)} >= {miller}
    await command(intake, "reviews", "settle", task, "--different")
    assert "no open task" in await command(intake, "reviews", "settle", task, "--same", fails=True)
    assert await command(intake, "reviews", "list") == "There is no open task."

    jones = await intake.person_of(await intake.lead(last_name="Jones", **PHONE))
    task = (await command(intake, "reviews", "list")).split()[0]
    await command(intake, "reviews", "settle", task, "--same")
    assert await intake.value("SELECT merged_into FROM person WHERE id = $1", jones) is not None


async def test_a_pair_that_was_joined_meanwhile_is_not_said_to_stay_two(intake: Intake) -> None:
    one = await intake.person_of(await intake.lead(**BYRON, **PHONE))
    other = await intake.person_of(await intake.lead(last_name="Miller", **PHONE))
    await command(intake, "persons", "merge", str(one), str(other))
    task = (await command(intake, "reviews", "list")).split()[0]
    assert "persons unmerge" in await command(intake, "reviews", "settle", task, "--different", fails=True)
    await command(intake, "persons", "unmerge", str(other))
    assert await command(intake, "reviews", "list") == "There is no open task.", "that was the answer"


async def test_a_number_that_changed_hands_is_unlinked_and_kept_as_history(intake: Intake) -> None:
    one = await intake.person_of(await intake.lead(**BYRON, **PHONE, **MAIL))
    await command(intake, "persons", "unlink", str(one), "+14195552001")
    other = await intake.person_of(await intake.lead(**BYRON, **PHONE))
    assert other != one
    keys = orjson.loads(await command(intake, "persons", "show", str(one)))["keys"]
    assert [key["until"] is not None for key in keys if key["kind"] == "phone"] == [True]
    assert "no such key" in await command(intake, "persons", "unlink", str(one), "+14195550000", fails=True)


async def test_a_lead_is_disqualified_by_people_while_it_is_marketings(intake: Intake) -> None:
    lead = await intake.lead(**BYRON, **PHONE, at=NOW)
    await command(intake, "leads", "disqualify", str(lead), "--reason", "job_seeker")
    assert await intake.state(lead) == "disqualified"
    assert (await intake.events("lead.disqualified"))[0]["reason"] == "job_seeker"
    assert "with sales or ended" in await command(intake, "leads", "disqualify", str(lead), "--reason", "spam", fails=True)


async def test_over_the_api_a_lead_of_sales_is_a_conflict_and_an_unknown_one_is_not_found(
    intake: Intake, doors: Doors, keyed: dict[str, str]
) -> None:
    lead = await intake.lead(**BYRON, **PHONE)
    await intake.value("UPDATE lead SET stage = 'accepted' WHERE id = $1", lead)
    for lead_id, status in ((lead, 409), (uuid4(), 404)):
        answer = await doors.http.post(f"/v1/leads/{lead_id}/disqualify", json={"reason": "spam"}, headers=keyed)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


@pytest.mark.parametrize(
    "arguments", [("show", "nobody@maple.example"), ("export", str(uuid4())), ("erase", "--yes", "x@y.example")]
)
async def test_somebody_we_do_not_know_is_said_so(intake: Intake, arguments: tuple[str, ...]) -> None:
    assert "There is" in await command(intake, "persons", *arguments, fails=True)
