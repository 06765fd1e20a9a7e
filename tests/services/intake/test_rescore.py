"""A new agreement scores open leads again: visibly, from where it stopped, once."""

import asyncio
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.intake.domain.qualification import score_lines
from services.intake.store import agreements, leads
from services.intake.use_cases import rescore
from services.intake.use_cases.adopt_agreement import adopt_agreement
from services.intake.use_cases.rescore import rescore_batch
from services.intake.use_cases.terms import terms_in_force
from shared import events
from shared.agreement import hash_of
from shared.envelope import Received
from tests.services.intake.support import NOW, Intake, Worker, command, plus_newsletter
from tests.support import until

READER = {"selection": "newsletter", "message": "Please tell me about boilers."}
EASIER = plus_newsletter().replace("qualifies_at = 50", "qualifies_at = 30")


async def apply(intake: Intake, text: str, minutes: int = 1) -> None:
    at = NOW + timedelta(minutes=minutes)
    event = events.AgreementApplied(hash=hash_of(text), text=text, at=at, signed_by=["marketing", "sales"])
    received = Received("handoff.assignments.v1", "agreement", str(uuid4()), "/handoff", event, at, None)
    async with intake.database.transaction() as unit:
        await adopt_agreement(unit, [received], at)


async def rescore_once(intake: Intake, limit: int) -> int:
    async with intake.database.transaction() as unit:
        return await rescore_batch(unit, limit=limit, now=NOW)


async def killed(intake: Intake) -> None:
    async with intake.database.transaction() as unit:
        await rescore_batch(unit, limit=2, now=NOW)
        raise KeyboardInterrupt


async def readers(intake: Intake, count: int) -> list[Any]:
    await intake.agree(plus_newsletter(), NOW - timedelta(days=1))
    found = [await intake.submit(**READER, email=f"r{n}@maple.example", phone=f"+1419555{2000 + n}") for n in range(count)]
    await intake.qualify()
    return found


async def test_leads_that_newly_qualify_go_to_sales_once(intake: Intake) -> None:
    ids = await readers(intake, 5)
    await intake.lead(email="ada@maple.example", selection="estimate")
    assert await intake.events("lead.qualified") != []
    before = len(await intake.events("lead.qualified"))
    await apply(intake, EASIER)
    while await rescore_once(intake, 2):
        pass
    told = await intake.events("lead.qualified")
    assert {event["lead_id"] for event in told[before:]} == {str(one) for one in ids}
    assert {event["agreement"] for event in told[before:]} == {hash_of(EASIER)}
    status = dict((await intake.rows("SELECT total, done, qualified, finished_at IS NOT NULL AS done_with FROM rescore"))[0])
    assert status == {"total": 6, "done": 6, "qualified": 5, "done_with": True}
    await apply(intake, EASIER)  # the same again changes nothing
    assert await rescore_once(intake, 10) == 0
    assert len(await intake.events("lead.qualified")) == before + 5


async def test_who_reaches_out_before_their_lead_is_scored_again_is_scored_by_the_new_agreement_whole(intake: Intake) -> None:
    await readers(intake, 2)
    await apply(intake, plus_newsletter().replace("valid_phone = 15", "valid_phone = 35"))
    await intake.lead(**READER, email="r0@maple.example", at=NOW + timedelta(hours=1))
    while await rescore_once(intake, 10):
        pass
    priced = await intake.rows(
        "SELECT l.id, s.points FROM lead l JOIN score_entry s ON s.lead_id = l.id WHERE rule = 'valid_phone'"
    )
    assert [row["points"] for row in priced] == [35, 35]
    assert await intake.value("SELECT count(*) FROM score_entry WHERE rule = 'repeat'") == 1
    assert await intake.value("SELECT (total, done) = (1, 1) FROM rescore")


async def test_a_batch_that_is_killed_is_done_again_and_the_rest_goes_on(intake: Intake) -> None:
    await readers(intake, 5)
    await apply(intake, EASIER)
    assert await rescore_once(intake, 2) == 2
    with pytest.raises(KeyboardInterrupt):
        await killed(intake)
    while await rescore_once(intake, 2):
        pass
    assert len(await intake.events("lead.qualified")) == 5
    assert await intake.value("SELECT done FROM rescore") == 5


async def test_two_replicas_do_not_score_the_same_lead_twice(intake: Intake) -> None:
    await readers(intake, 4)
    await apply(intake, EASIER)
    async with intake.database.transaction() as one:
        assert await rescore_batch(one, limit=2, now=NOW) == 2
        assert await rescore_once(intake, 2) == 0


async def test_a_bug_over_one_lead_stops_neither_the_others_nor_the_process(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await readers(intake, 3)
    await apply(intake, EASIER)
    real = rescore.reprice

    def broken(lines: Any, row: Any, terms: Any) -> Any:
        if row["id"] == ids[1]:
            raise KeyError("planted")
        return real(lines, row, terms)

    monkeypatch.setattr(rescore, "reprice", broken)
    from tests.services.intake.test_second_step import Worker

    await Worker(intake.database)._rescore_one_by_one(KeyError("planted"))
    assert await intake.value("SELECT (done, failed, finished_at IS NOT NULL) = (3, 1, TRUE) FROM rescore")
    assert {event["lead_id"] for event in await intake.events("lead.qualified")} == {str(ids[0]), str(ids[2])}


async def test_what_sales_has_sales_keeps_with_the_points_of_the_new_agreement(intake: Intake) -> None:
    lead = await intake.lead(email="ada@maple.example", phone="+14195552001", selection="estimate", postal_code="90210")
    before = await intake.value("SELECT score FROM lead")
    text = plus_newsletter().replace("valid_phone = 15", "valid_phone = 35")
    await apply(intake, text)
    await rescore_once(intake, 10)
    assert await intake.value("SELECT score FROM lead") == before + 8
    for number, stage in enumerate(("mql", "accepted", "recycled"), 2):
        await intake.rows("UPDATE lead SET stage = $1", stage)
        told = len(await intake.events())
        await apply(intake, text.replace("postal_codes = []", f'postal_codes = ["4300{number}"]'), minutes=number)
        await rescore_once(intake, 10)
        assert await intake.value("SELECT stage FROM lead") == stage
        assert await intake.value("SELECT agreement <> $1 FROM lead", hash_of(text)), stage
        assert (await intake.state(lead), len(await intake.events())) == ("open", told)


async def test_the_stored_score_is_the_sum_of_the_stored_lines_as_of_the_decision(intake: Intake) -> None:
    await readers(intake, 2)
    await intake.lead(email="r1@maple.example", **READER, at=NOW + timedelta(days=3))
    await apply(intake, EASIER, minutes=5000)
    await rescore_once(intake, 10)
    async with intake.database.reading() as unit:
        for lead in await unit.fetch("SELECT * FROM lead"):
            agreement = await agreements.agreement_of(unit, lead["agreement"])
            assert agreement is not None
            lines = (await leads.lines_of_leads(unit, [lead["id"]]))[lead["id"]]
            found = score_lines(lines, lead["decided_at"], terms_in_force(*agreement).terms.points)
            assert (found.score, found.grade) == (lead["score"], lead["grade"])
            assert sum(point.counts for point in found.points) == 1000 * lead["score"]


async def test_the_service_scores_again_by_itself_and_the_command_says_how_far_it_is(intake: Intake) -> None:
    await readers(intake, 5)
    await apply(intake, EASIER)
    await rescore_once(intake, 2)
    short = hash_of(EASIER)[:12]
    assert f"{short}  under way  2 of 5, 2 newly qualified, 0 disqualified, 0 failed" in await command(
        intake, "rescore", "status"
    )
    working = asyncio.create_task(Worker(intake.database).rescore())
    try:

        async def is_finished() -> bool:
            return bool(await intake.value("SELECT finished_at IS NOT NULL FROM rescore"))

        await until(is_finished, what="the leads scored again")
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    status = await command(intake, "rescore", "status")
    assert re.search(rf"^{short}  finished [-0-9]{{10}} [:0-9]{{5}} UTC  ", status)
    assert (f"{short}  finished" in status, "5 of 5, 5 newly qualified, 0 disqualified, 0 failed" in status) == (True, True)
    assert await intake.value("SELECT count(*) FROM lead WHERE stage = 'mql' AND agreement = $1", hash_of(EASIER)) == 5
