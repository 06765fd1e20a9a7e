"""The equation holds at every moment, whatever happens in whatever order, and a contradiction is counted."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.intake.scheduler import MISMATCHES, OLDEST_WAITING, Scheduler
from services.intake.settings import Settings
from services.intake.store import ledger, quarantine
from services.intake.use_cases.canary import FAILED, Canary
from services.intake.use_cases.disqualify import NotMarketings, disqualify_lead
from services.intake.use_cases.follow_sales import follow_lead
from services.intake.use_cases.ledger import read_ledger
from services.intake.use_cases.persons import NotFound
from shared import events
from shared.envelope import Received
from shared.group_commit import GroupCommit
from tests.services.intake.conftest import Doors
from tests.services.intake.support import NOW, SHIPPED, Intake, command

PEOPLE = [{"last_name": f"Name{n}", "email": f"n{n}@maple.example", "phone": f"+1419555200{n % 3}"} for n in range(6)]


class World:
    """A random run of everything that moves a submission."""

    def __init__(self, intake: Intake, seed: int) -> None:
        self.intake, self.random = intake, random.Random(seed)
        self.ids: list[UUID] = []
        self.test_ids: list[UUID] = []
        self.acts: list[Callable[[], Awaitable[None]]] = [self.post, self.post, self.post, self.step, self.step]
        self.acts += [self.sales, self.sales, self.quarantine, self.release, self.discard, self.disqualify, self.erase]

    async def post(self) -> None:
        test = self.random.random() < 0.2
        person = self.random.choice(PEOPLE) | {"selection": self.random.choice(["estimate", "question", "emergency"])}
        lead = await self.intake.submit(**person, form=self.random.choice(["contact", "api"]), test=test)
        (self.test_ids if test else self.ids).append(lead)

    async def step(self) -> None:
        await self.intake.qualify(limit=self.random.randint(1, 5))

    async def sales(self) -> None:
        lead = self.any()
        end: dict[str, Any] = {"lead_id": lead, "person_id": uuid4(), "at": NOW}
        money: dict[str, Any] = {"amount": "1.00", "currency": "USD", "contact": events.Contact()}
        chosen = self.random.choice([events.LeadLost, events.LeadRecycled, events.LeadWon, events.LeadProposed])
        event = chosen(**end, reason="x") if chosen in (events.LeadLost, events.LeadRecycled) else chosen(**end, **money)
        received = Received("handoff.assignments.v1", str(lead), str(uuid4()), "/handoff", event, NOW, None)
        async with self.intake.database.transaction() as unit:
            await follow_lead(unit, [received], NOW)

    async def quarantine(self) -> None:
        query = "UPDATE submission SET state = 'quarantined' WHERE id = $1 AND state = 'waiting'"
        await self.intake.rows(query, self.any())

    async def release(self) -> None:
        async with self.intake.database.transaction() as unit:
            if row := await quarantine.held(unit, self.any()):
                await quarantine.release(unit, row["id"], row["content"])

    async def discard(self) -> None:
        async with self.intake.database.transaction() as unit:
            await quarantine.discard(unit, [self.any()], "discarded: spam")

    async def disqualify(self) -> None:
        try:
            async with self.intake.database.transaction() as unit:
                await disqualify_lead(unit, self.any(), "spam", NOW)
        except (NotFound, NotMarketings):
            return

    async def erase(self) -> None:
        if self.random.random() < 0.2:
            person = await self.intake.value("SELECT person_id FROM lead WHERE id = $1", self.any())
            if person:
                await command(self.intake, "persons", "erase", str(person), "--yes")

    def any(self) -> UUID:
        return self.random.choice(self.ids) if self.ids else uuid4()

    async def check(self) -> None:
        async with self.intake.database.reading() as unit:
            found = await read_ledger(unit, None, None)
            assert await ledger.mismatches(unit, NOW - timedelta(days=1)) == 0
        assert found["leads"]["received"] == len(self.ids)
        assert found["test"]["received"] == len(self.test_ids)
        for side in found.values():
            assert sum(side[state] for state in ledger.STATES) == side["received"]
            assert sum(row["received"] for row in side["by_form_and_hour"]) == side["received"]


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_the_equation_holds_after_every_step_of_any_history(intake: Intake, seed: int) -> None:
    world = World(intake, seed)
    for _ in range(80):
        await world.random.choice(world.acts)()
        await world.check()


async def test_a_submission_that_contradicts_its_lead_is_counted(intake: Intake) -> None:
    lead = await intake.lead(**PEOPLE[0])
    for planted in ("UPDATE lead SET stage = 'won'", "UPDATE submission SET state = 'waiting'"):
        await intake.rows(planted)
        async with intake.database.reading() as unit:
            assert await ledger.mismatches(unit, NOW) == 1
        await intake.rows("UPDATE lead SET stage = 'mql'")
    await intake.rows("UPDATE submission SET state = 'open' WHERE id = $1", lead)


async def test_a_contradiction_and_a_lead_that_waits_are_measured_for_whoever_is_paged(intake: Intake) -> None:
    now = datetime.now(UTC)
    await intake.lead(**PEOPLE[0], at=now)
    await intake.rows("UPDATE lead SET stage = 'won'")
    await intake.submit(**PEOPLE[1], at=now - timedelta(seconds=90))
    queue: GroupCommit[Any, Any] = GroupCommit(_never)
    scheduler = Scheduler(Settings(database_url=intake.database.url), intake.database, queue)
    MISMATCHES.set(0)
    OLDEST_WAITING.set(0)
    work = [asyncio.create_task(one()) for one in (scheduler.check_ledger, scheduler.tidy)]
    for gauge, least, most in ((MISMATCHES, 1, 1), (OLDEST_WAITING, 90, 120)):
        async with asyncio.timeout(5):
            while not least <= gauge._value.get() <= most:
                await asyncio.sleep(0.01)
    for task in work:
        task.cancel()
    await asyncio.gather(*work, return_exceptions=True)


async def test_whatever_expired_is_forgotten_at_one_turn(intake: Intake) -> None:
    ages = "now() - interval '46 days' FROM generate_series(1, 5001) n"
    await intake.rows(f"INSERT INTO inbox (source, event_id, topic, key, received_at) SELECT '/followup', n, 't', 'k', {ages}")
    await intake.rows(f"INSERT INTO receipt SELECT int4send(n::int), gen_random_uuid(), '', {ages}")
    queue: GroupCommit[Any, Any] = GroupCommit(_never)
    task = asyncio.create_task(Scheduler(Settings(database_url=intake.database.url), intake.database, queue).tidy())
    try:
        async with asyncio.timeout(5):
            while await intake.value("SELECT (SELECT count(*) FROM inbox) + (SELECT count(*) FROM receipt)"):
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _never(_items: list[Any]) -> list[Any]:
    raise AssertionError


async def test_the_ledger_can_be_asked_by_time_and_needs_a_key(intake: Intake, doors: Doors, keyed: dict[str, str]) -> None:
    await intake.lead(**PEOPLE[0])
    await intake.lead(**PEOPLE[1], at=NOW + timedelta(hours=2), form="contact")
    found = (await doors.http.get("/v1/ledger", headers=keyed)).json()["leads"]
    assert (found["received"], found["open"], len(found["by_form_and_hour"])) == (2, 2, 2)
    later = await doors.http.get("/v1/ledger", params={"from": (NOW + timedelta(hours=1)).isoformat()}, headers=keyed)
    assert [row["form"] for row in later.json()["leads"]["by_form_and_hour"]] == ["contact"]
    assert (await doors.http.get("/v1/ledger")).status_code == 401
    for odd in ("soon", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        assert (await doors.http.get("/v1/ledger", params={"from": odd}, headers=keyed)).status_code == 422


async def test_a_canary_goes_through_the_door_to_the_topic_and_fails_where_it_does_not(intake: Intake, doors: Doors) -> None:
    failed = FAILED._value.get()
    canary = Canary(intake.database, "http://intake.example", seconds=1, patience=0.5)
    assert not await canary.sing(doors.http)  # nobody does the second step
    assert FAILED._value.get() == failed + 1
    await intake.qualify()
    assert not await canary.sing(doors.http)
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(503))) as closed:
        assert not await canary.sing(closed)
    await intake.qualify()
    await intake.rows("DELETE FROM outbox")
    query = "SELECT id FROM submission WHERE content->>'external_id' LIKE 'canary-%' ORDER BY id DESC LIMIT 1"
    await canary._wait_for(await intake.value(query))  # qualified, and nothing of it waits for the broker
    async with intake.database.reading() as unit:
        found = await read_ledger(unit, None, None)
    assert (found["leads"]["received"], found["test"]["received"]) == (0, 2)


async def test_a_canary_arrives_also_where_a_question_is_no_raised_hand(intake: Intake, doors: Doors) -> None:
    await intake.agree(SHIPPED.replace("[selections.question]", "[selections.question]\nhand_raise = false"), at=NOW)
    canary = Canary(intake.database, "http://intake.example", seconds=1, patience=0.5)
    lead_id = await canary._post(doors.http)
    await intake.qualify()
    assert await intake.value("SELECT stage FROM lead") == "nurturing"
    with pytest.raises(TimeoutError):  # its events still wait for the broker
        await canary._wait_for(lead_id)
    await intake.rows("DELETE FROM outbox")
    await canary._wait_for(lead_id)
