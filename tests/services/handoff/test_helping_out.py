"""Pools that help each other out: they are locked and asked only where a lead needs them, by one replica or by eight."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from services.handoff import models, store
from services.handoff.use_cases.explain import explain_lead
from services.handoff.use_cases.route import receive_leads
from services.handoff.use_cases.verify import verify_decisions
from shared.database import Database
from tests.services.handoff.acts import change, offers
from tests.services.handoff.support import SHIPPED, Handoff, qualified

# Their names come after `team`: who took them first and the team then would wait in a ring.
AREAS = {"uptown": "43604", "waterside": "43605", "elsewhere": "10001"}
FRANCHISE = """
[territories]
uptown = ["43604"]
waterside = ["43605"]
[pools.uptown]
overflow = "team"
[pools.waterside]
overflow = "team"
[[rules]]
name = "uptown"
pool = "uptown"
territory = "uptown"
[[rules]]
name = "waterside"
pool = "waterside"
territory = "waterside"
"""


@pytest.fixture
async def franchise(handoff_database: Database) -> Handoff:
    """Rosa and Ravi work uptown, Sam at the waterside, and all three help out in the team."""
    handoff = Handoff(handoff_database)
    before, rules = SHIPPED.split("[[rules]]", 1)
    reps = await handoff.start("Rosa", "Ravi", "Sam", agreement=f"{before}{FRANCHISE}[[rules]]{rules}")
    async with handoff_database.transaction() as unit:
        rows = [
            {"pool": pool, "rep_id": rep, "weight": 1, "credit": 0, "last_turn": 0}
            for rep, pool in zip(reps, ("uptown", "uptown", "waterside"), strict=True)
        ]
        await unit.insert(models.PoolMember, rows)
    return handoff


async def reps(handoff: Handoff) -> Mapping[str, UUID]:
    async with handoff.database.reading() as unit:
        return {row["name"]: row["id"] for row in await unit.fetch("SELECT id, name FROM rep")}


def lead_in(area: str, handoff: Handoff) -> Any:
    return qualified(uuid7(), handoff.now, contact={"first_name": "Ada", "email": "a@example.net", "postal_code": AREAS[area]})


async def test_a_lead_that_finds_its_rep_does_not_wait_for_those_who_help_out(franchise: Handoff) -> None:
    event = lead_in("uptown", franchise)
    async with franchise.database.transaction() as busy:
        await store.pools.lock_pools(busy, ["team"])  # a batch of somebody else decides there
        async with asyncio.timeout(3):
            await franchise.hear(event)
    decision = (await franchise.active(event.lead_id))["decision"]
    assert (decision["pool"], set(decision["rosters"])) == ("uptown", {"uptown"})
    async with franchise.database.reading() as unit:
        told = await explain_lead(unit, event.lead_id, (await reps(franchise))["Sam"])
    assert told[-1] == (
        "  Sam is not in uptown, where the rule 'uptown' sent this lead, and somebody could take it before team had to help out."
    )


async def test_a_lead_that_needs_help_gets_it_and_what_is_given_back_is_booked_once(franchise: Handoff) -> None:
    ids = await reps(franchise)
    first = lead_in("uptown", franchise)
    await franchise.hear(first)
    async with franchise.database.transaction() as unit:
        await store.pools.ask_refund(unit, await store.assignments.active_assignment(unit, first.lead_id), "test", franchise.now)
        before = await unit.fetch("SELECT rep_id, credit FROM pool_member WHERE pool = 'uptown'")
    for name in ("Rosa", "Ravi"):
        await change(franchise, ids[name], state="paused")
    batch = [lead_in("waterside", franchise), lead_in("uptown", franchise), lead_in("waterside", franchise)]
    async with franchise.database.transaction() as unit:
        await receive_leads(unit, [franchise.received(event) for event in batch], franchise.now)
    decisions = [(await franchise.active(event.lead_id))["decision"] for event in batch]
    assert [(one["pool"], one["kind"]) for one in decisions] == [
        ("waterside", "in_turn"),
        ("team", "overflow"),
        ("waterside", "in_turn"),
    ]
    assert [set(one["rosters"]) for one in decisions] == [{"waterside"}, {"uptown", "team"}, {"waterside"}]
    async with franchise.database.transaction() as unit:
        assert not await unit.value("SELECT count(*) FROM refund WHERE booked_turn IS NULL AND pool = 'uptown'")
        assert await unit.fetch("SELECT rep_id, credit FROM pool_member WHERE pool = 'uptown'") != before
        assert set((await store.pools.sums(unit)).values()) == {0}
        assert (await verify_decisions(unit)).wrong == []


async def test_who_waits_longer_in_a_pool_that_others_help_out_goes_first(franchise: Handoff) -> None:
    ids = await reps(franchise)
    for rep in ids.values():
        await change(franchise, rep, max_open=0)
    older = lead_in("uptown", franchise)
    await franchise.hear(older)
    assert await franchise.state(older.lead_id) == "held"
    franchise.now += timedelta(seconds=1)
    await change(franchise, ids["Rosa"], max_open=1)
    newer = lead_in("uptown", franchise)
    await franchise.hear(newer)
    assert [await franchise.state(one.lead_id) for one in (older, newer)] == ["offered", "held"]


async def test_a_held_lead_that_nobody_here_can_take_keeps_no_newer_one_from_its_rep(franchise: Handoff) -> None:
    ids = await reps(franchise)
    for rep in ids.values():
        await change(franchise, rep, max_open=0)
    spanish = qualified(
        uuid7(), franchise.now, contact={"email": "a@example.net", "postal_code": "43604"}, answers={"language": "es"}
    )
    await franchise.hear(spanish)
    await change(franchise, ids["Rosa"], max_open=9, languages=["en"])
    newer = lead_in("uptown", franchise)
    async with franchise.database.transaction() as busy:
        await store.pools.lock_pools(busy, ["team"])
        async with asyncio.timeout(3):
            await franchise.hear(newer)
    assert [await franchise.state(one.lead_id) for one in (spanish, newer)] == ["held", "offered"]


@pytest.mark.parametrize("replicas", [2, 8])
async def test_replicas_that_help_each_other_out_neither_deadlock_nor_lose_credit(franchise: Handoff, replicas: int) -> None:
    """Reps with limits run full on the way, so that batches turn from the short way to the long one."""
    for rep in (await reps(franchise)).values():
        await change(franchise, rep, max_open=25)
    batches = [[lead_in(list(AREAS)[number % 3], franchise) for _ in range(4)] for number in range(24)]
    shared = Database(franchise.database.url, name="replicas", size=replicas)
    await shared.open()

    async def replica(number: int) -> None:
        for batch in batches[number::replicas]:
            async with shared.transaction() as unit:
                await receive_leads(unit, [franchise.received(event) for event in batch], franchise.now)

    async with asyncio.timeout(60):
        await asyncio.gather(*map(replica, range(replicas)))
    await shared.close()
    found = await offers(franchise)
    assert len(found) == len({row["lead_id"] for row in found}) == 75
    assert set(Counter(row["rep_id"] for row in found).values()) == {25}
    async with franchise.database.transaction() as unit:
        assert set((await store.pools.sums(unit)).values()) == {0}
        assert (await verify_decisions(unit)).wrong == []
