"""What CRMs report is applied, harmless or refused with a reason; a CRM may be faster than we are."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import uuid4

import pytest
from uuid_utils.compat import uuid7

from services.handoff import models
from services.handoff.use_cases import outcomes
from services.handoff.use_cases.facts import note_received
from services.handoff.use_cases.outcomes import end_waits, give_up_waiting
from shared import events
from shared.consumer import Refused
from shared.database import Database
from tests.services.handoff.support import Handoff


@pytest.fixture
async def handoff(handoff_database: Database) -> Handoff:
    handoff = Handoff(handoff_database)
    await handoff.start("Rosa", "Sam")
    return handoff


def won(lead_id: object, amount: str = "1250.00", currency: str = "USD") -> events.OutcomeWon:
    return events.OutcomeWon.model_validate({"lead_id": lead_id, "amount": amount, "currency": currency})


def job(lead_id: object, id: str = "j1", **more: object) -> events.JobCompleted:
    return events.JobCompleted.model_validate({"lead_id": lead_id, "job_id": id, "completed_on": date(2026, 3, 4), **more})


async def test_an_outcome_that_comes_before_its_lead_waits_for_it(handoff: Handoff) -> None:
    lead = uuid7()
    await handoff.hear(events.OutcomeContacted(lead_id=lead), won(lead), job(lead))
    assert await handoff.types(lead) == []
    await handoff.qualify(lead)
    assert await handoff.types(lead) == [
        "assignment.offered",
        "assignment.accepted",
        "lead.contacted",
        "lead.sales_qualified",
        "lead.won",
        "job.completed",
    ]


async def test_a_client_is_reached_by_what_they_gave_when_they_reached_out_again(handoff: Handoff) -> None:
    lead = await handoff.qualify(contact={"first_name": "Ada", "phone": "+12125550123"})
    again = {"email": "ada@example.net", "phone": "+12125550199"}
    touched = {"lead_id": lead, "person_id": uuid7(), "form": "contact", "received_at": handoff.now, "contact": again}
    await handoff.hear(events.LeadTouched.model_validate(touched))
    await handoff.hear(won(lead))
    told = next(one for one in await handoff.published(lead) if one["type"] == "lead.won")["contact"]
    assert (told["email"], told["phone"]) == ("ada@example.net", "+12125550123"), "added to, never replaced"


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+02:00", "0001-01-01T00:00:00", "1970-01-01T00:00:00Z"])
async def test_a_time_that_programs_write_for_none_is_the_time_of_arrival(handoff: Handoff, at: str) -> None:
    lead = await handoff.qualify()
    heard = replace(handoff.received(events.OutcomeContacted(lead_id=lead)), at=datetime.fromisoformat(at))
    async with handoff.database.transaction() as unit:
        await note_received(unit, [heard], handoff.now)
    async with handoff.client() as client:
        answer = await client.get(f"/v1/leads/{lead}")
    assert answer.status_code == 200
    (told,) = [one for one in answer.json()["journey"] if "outcome.contacted" in one["type"]]
    assert datetime.fromisoformat(told["at"]) == handoff.now


async def test_an_early_outcome_that_contradicts_goes_to_the_dead_letters_under_its_own_name(handoff: Handoff) -> None:
    lead = uuid7()
    await handoff.hear(events.OutcomeLost(lead_id=lead, reason="price"))
    await handoff.hear(won(lead), id="late-win", source="/crm/acme")
    await handoff.qualify(lead)
    assert await handoff.state(lead) == "lost"
    (letter,) = await handoff.dead_letters()
    assert letter["headers"]["ce_id"] == "late-win"
    assert letter["headers"]["ce_source"] == "/crm/acme"
    assert letter["headers"]["dlq-reason"] == "refused"
    assert letter["headers"]["dlq-error"] == "This lead is already lost: it cannot become won."
    assert letter["amount"] == "1250.00"


async def test_a_lead_that_never_comes_is_given_up_after_a_week_and_its_outcome_can_be_redriven(handoff: Handoff) -> None:
    lead = uuid7()
    await handoff.hear(won(lead), id="w", source="/crm/acme")
    for later, letters in ((timedelta(days=6), 0), (timedelta(days=8), 1)):
        async with handoff.database.transaction() as unit:
            assert await give_up_waiting(unit, handoff.now + later) == letters
    (letter,) = await handoff.dead_letters()
    assert letter["headers"]["dlq-error"] == "No lead of this id has come within 7 days."
    async with handoff.database.reading() as unit:
        assert await unit.value("SELECT status FROM inbox WHERE event_id = 'w'") == 2


async def test_only_so_many_outcomes_wait_for_one_unknown_lead(handoff: Handoff, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes, "MOST_OF_ONE_LEAD", 2)
    lead = uuid7()
    await handoff.hear(events.OutcomeContacted(lead_id=lead), won(lead))
    with pytest.raises(Refused, match="2 events of this lead wait"):
        await handoff.hear(won(lead, "9"))


async def test_an_outcome_that_crossed_its_lead_on_the_way_is_found(handoff: Handoff) -> None:
    lead = await handoff.qualify()
    row = {
        "id": uuid7(),
        "lead_id": lead,
        "source": "/crm",
        "event_id": "x",
        "topic": events.CRM,
        "key": str(lead),
        "type": events.OutcomeContacted.TYPE,
        "data": {"lead_id": str(lead)},
        "received_at": handoff.now,
    }
    async with handoff.database.transaction() as unit:
        await unit.insert(models.EarlyEvent, [row])
    async with handoff.database.transaction() as unit:
        assert await end_waits(unit, handoff.now) == 1
        assert await end_waits(unit, handoff.now) == 0
    assert await handoff.state(lead) == "contacted"


async def test_a_repeat_is_harmless_whatever_its_name_and_another_amount_is_refused(handoff: Handoff) -> None:
    lead = await handoff.qualify()
    await handoff.hear(won(lead))
    before = await handoff.types(lead)
    await handoff.hear(won(lead, "1250"), source="/crm/other")
    await handoff.hear(events.OutcomeContacted(lead_id=lead))
    assert await handoff.refusal(won(lead, "1251.00")) == "This lead is already won, with another amount: the first one stands."
    assert await handoff.refusal(won(lead, currency="EUR")) != ""
    assert await handoff.types(lead) == before


async def test_a_contradiction_is_refused_with_a_reason(handoff: Handoff) -> None:
    lead = await handoff.qualify()
    await handoff.hear(won(lead))
    refusal = await handoff.refusal(events.OutcomeLost(lead_id=lead, reason="price"))
    assert refusal == "This lead is already won: it cannot become lost."


async def test_a_job_done_before_the_sale_takes_effect_at_the_sale_and_once(handoff: Handoff) -> None:
    lead = await handoff.qualify()
    await handoff.hear(job(lead))
    assert "job.completed" not in await handoff.types(lead)
    await handoff.hear(won(lead))
    await handoff.hear(job(lead))
    assert (await handoff.types(lead)).count("job.completed") == 1
    await handoff.hear(job(lead, "j2"))
    assert (await handoff.types(lead)).count("job.completed") == 2


@pytest.mark.parametrize("sold", [True, False])
async def test_a_job_that_is_reported_again_otherwise_is_refused(handoff: Handoff, sold: bool) -> None:
    lead = await handoff.qualify()
    if sold:
        await handoff.hear(won(lead))
    await handoff.hear(job(lead, trade="Plumbing"))
    for same in ({}, {"trade": "plumbing"}, {"outcome": "done"}):  # what was left open before contradicts nothing
        assert await handoff.refusal(job(lead, **same)) == ""
    refusal = "The job j1 of this lead was reported otherwise: the first report stands."
    for other in ({"completed_on": date(2026, 3, 3)}, {"trade": "heating"}):
        assert await handoff.refusal(job(lead, **other)) == refusal
    await handoff.hear(*([] if sold else [won(lead)]))
    told = [one for one in await handoff.published(lead) if one["type"] == "job.completed"]
    assert [(one["trade"], one["completed_on"]) for one in told] == [("Plumbing", "2026-03-04")]


async def test_a_job_in_the_future_on_no_day_or_of_a_lost_lead_is_refused(handoff: Handoff) -> None:
    lead = await handoff.qualify()
    empty = "completed_on 0001-01-01 is no day a job was completed on; programs write it for an empty date."
    assert await handoff.refusal(job(lead, completed_on=date.min)) == empty
    assert "in the future" in await handoff.refusal(job(lead, completed_on=date(2026, 3, 8)))
    assert await handoff.refusal(job(lead, completed_on=date(2026, 3, 5))) == ""
    await handoff.hear(events.OutcomeLost(lead_id=lead, reason="price"))
    assert await handoff.refusal(job(lead, "j2")) == "This lead is lost: no job of it can be completed."


async def test_what_is_said_of_a_merged_lead_counts_for_its_survivor(handoff: Handoff) -> None:
    survivor, loser = await handoff.qualify(), await handoff.qualify()
    await handoff.hear(events.LeadMerged(lead_id=loser, person_id=uuid4(), into=survivor))
    assert (await handoff.published(loser))[-1]["reason"] == "merged"
    await handoff.hear(won(loser))
    assert await handoff.state(loser) == "merged"
    assert await handoff.state(survivor) == "won"


async def test_what_waited_for_a_lead_that_was_merged_takes_effect_at_the_survivor(handoff: Handoff) -> None:
    survivor, loser, late = await handoff.qualify(), uuid7(), uuid7()
    await handoff.hear(events.OutcomeContacted(lead_id=loser))
    await handoff.hear(events.LeadMerged(lead_id=loser, person_id=uuid4(), into=survivor))
    assert await handoff.state(survivor) == "contacted"
    await handoff.hear(events.LeadMerged(lead_id=survivor, person_id=uuid4(), into=late))
    await handoff.hear(won(loser))
    await handoff.qualify(late)
    assert await handoff.state(late) == "won"


async def test_a_job_kept_for_a_lead_that_was_merged_takes_effect_at_the_sale_of_its_survivor(handoff: Handoff) -> None:
    survivor, sold, loser, other = [await handoff.qualify() for _ in range(4)]
    await handoff.hear(won(sold))
    for into, lead in ((survivor, loser), (sold, other)):
        await handoff.hear(job(lead))
        await handoff.hear(events.LeadMerged(lead_id=lead, person_id=uuid4(), into=into))
    assert (await handoff.types(sold)).count("job.completed") == 1
    assert "job.completed" not in await handoff.types(survivor)
    await handoff.hear(won(loser))
    await handoff.hear(job(loser))
    assert (await handoff.types(survivor)).count("job.completed") == 1


async def test_a_circle_of_merges_swallows_nobody(handoff: Handoff) -> None:
    one, other = await handoff.qualify(), await handoff.qualify()
    await handoff.hear(events.LeadMerged(lead_id=one, person_id=uuid4(), into=other))
    await handoff.hear(events.LeadMerged(lead_id=other, person_id=uuid4(), into=one))
    await handoff.hear(events.LeadMerged(lead_id=other, person_id=uuid4(), into=other))
    assert await handoff.state(other) == "offered"


async def test_nothing_revives_an_erased_lead(handoff: Handoff) -> None:
    lead, unknown = await handoff.qualify(), uuid7()
    for one in (lead, unknown):
        await handoff.hear(won(one))
        await handoff.hear(events.PersonErased(lead_id=one, person_id=uuid4()))
    before = await handoff.types(lead)
    for one in (lead, unknown):
        for event in (won(one), job(one), events.ReviewReceived(lead_id=one, stars=5), events.ComplaintOpened(lead_id=one)):
            await handoff.hear(event)
        await handoff.qualify(one)
        assert await handoff.state(one) == "erased"
    assert await handoff.types(lead) == before
    assert await handoff.types(unknown) == []
    async with handoff.database.reading() as unit:
        assert await unit.value("SELECT count(*) FROM early_event") == 0
        assert {row["snapshot"].get("contact") for row in await unit.fetch("SELECT snapshot FROM lead")} == {None}
