"""What sales did comes back: the ledger follows, and history keeps what we believed then."""

from typing import Any
from uuid import UUID, uuid4

from services.intake.use_cases.disqualify import disqualify_lead
from services.intake.use_cases.follow_sales import follow_lead
from shared import events
from shared.envelope import Received
from tests.services.intake.support import NOW, Intake

ADA = {"last_name": "Byron", "email": "ada@maple.example", "selection": "estimate"}


async def told(intake: Intake, *steps: Any) -> None:
    for event in steps:
        received = Received("handoff.assignments.v1", str(event.lead_id), str(uuid4()), "/handoff", event, NOW, None)
        async with intake.database.transaction() as unit:
            await follow_lead(unit, [received], NOW)


def accepted(lead: UUID) -> events.Event:
    return events.AssignmentAccepted(lead_id=lead, assignment_id=uuid4(), rep_id=uuid4(), attempt=1, at=NOW)


def declined(lead: UUID, reason: str) -> events.Event:
    return events.AssignmentDeclined(lead_id=lead, assignment_id=uuid4(), rep_id=uuid4(), attempt=1, at=NOW, reason=reason)


def won(lead: UUID, person: UUID) -> events.Event:
    return events.LeadWon(lead_id=lead, person_id=person, at=NOW, amount="10.00", currency="USD", contact=events.Contact())


async def test_the_ledger_follows_a_lead_through_sales(intake: Intake) -> None:
    lead = await intake.lead(**ADA)
    person = await intake.person_of(lead)
    await told(intake, accepted(lead), events.LeadProposed(lead_id=lead, person_id=person, at=NOW))
    assert (await intake.state(lead), await intake.value("SELECT stage FROM lead")) == ("open", "proposed")
    await told(intake, won(lead, person))
    assert await intake.state(lead) == "closed"
    await told(intake, events.LeadRecycled(lead_id=lead, person_id=person, at=NOW, reason="later"))
    assert (await intake.state(lead), await intake.value("SELECT stage FROM lead")) == ("open", "recycled")


async def test_what_we_disqualified_while_sales_answered_stays_so_until_they_close_it(intake: Intake) -> None:
    lead = await intake.lead(**ADA)
    async with intake.database.transaction() as unit:
        await disqualify_lead(unit, lead, "spam", NOW)
    await told(intake, accepted(lead))
    assert (await intake.state(lead), await intake.value("SELECT stage FROM lead")) == ("disqualified", "disqualified")
    await told(intake, won(lead, await intake.person_of(lead)))
    assert await intake.state(lead) == "closed"


async def test_outcomes_are_kept_beside_what_we_believed_then(intake: Intake) -> None:
    lead = await intake.lead(**ADA, attribution={"utm_campaign": "spring"})
    person = await intake.person_of(lead)
    score = await intake.value("SELECT score FROM lead")
    await told(intake, declined(lead, "too far away"), won(lead, person))
    await intake.rows("UPDATE lead SET score = 1")
    rows = await intake.rows("SELECT outcome, reason, score, grade, campaign, person_id FROM outcome ORDER BY id")
    assert [(row["outcome"], row["reason"]) for row in rows] == [("declined", "too far away"), ("won", "")]
    assert {(row["score"], row["campaign"], row["person_id"]) for row in rows} == {(score, "spring", person)}
    assert rows[0]["grade"] != ""


async def test_a_person_who_was_not_interested_starts_with_less(intake: Intake) -> None:
    first = await intake.lead(**ADA)
    person = await intake.person_of(first)
    await told(intake, events.LeadLost(lead_id=first, person_id=person, at=NOW, reason="Not interested"))
    second = await intake.lead(**ADA)
    lines = {row["rule"]: row["points"] for row in await intake.rows("SELECT * FROM score_entry WHERE lead_id = $1", second)}
    assert lines["not_interested"] == -25
    assert (await intake.events("lead.qualified"))[-1]["lead_id"] == str(second)  # and is a hand raised all the same


async def test_a_late_word_about_a_lead_that_was_replaced_changes_nothing(intake: Intake) -> None:
    old = await intake.lead(**ADA)
    person = await intake.person_of(old)
    await told(intake, events.LeadRecycled(lead_id=old, person_id=person, at=NOW, reason="later"))
    await intake.lead(**ADA)
    await told(intake, won(old, person))
    assert (await intake.state(old), await intake.value("SELECT stage FROM lead WHERE id = $1", old)) == ("merged", "merged")


async def test_what_is_said_of_leads_we_do_not_have_changes_nothing(intake: Intake) -> None:
    first = await intake.lead(**ADA)
    merged = await intake.lead(**ADA)
    for lead in (uuid4(), merged):
        await told(intake, accepted(lead), won(lead, uuid4()))
    assert (await intake.state(first), await intake.state(merged)) == ("open", "merged")
    assert await intake.value("SELECT count(*) FROM outcome") == 0
