"""kill -9 and SIGSTOP at every numbered point of sending: with a witness nobody hears twice and nobody is forgotten."""

import asyncio
import os
import random
import signal
from collections import Counter

import pytest

from shared.database import Database
from tests.faults.sender_worker import LEASE, POINTS
from tests.faults.senders import World, world
from tests.services.followup.sending import add_clients, add_touches, told

SEED = int(os.environ.get("FAULT_SEED", "1"))
ROUNDS = 1 if "FAULT_SECONDS" not in os.environ else max(1, int(os.environ["FAULT_SECONDS"]) // 20)
EACH = 60  # touches a death: enough that the worker comes by its point
IN_DOUBT = 16  # twice the worker's connections: no more are in doubt when it dies
SILENT = [point for point in POINTS if point != "asked"]  # there is no witness to ask
PHONE = {"phone": "+14195550134"}


async def add(world: World, number: int) -> None:
    clients = await add_clients(world.database, number, **PHONE)
    await add_touches(world.database, clients, channel=world.job.channel)


async def resend(database: Database) -> None:
    async with database.transaction() as unit:
        await unit.execute("UPDATE plan SET text = replace(text, 'on_doubt = \"drop\"', 'on_doubt = \"resend\"')")


async def kill_everywhere(world: World, points: list[str] | tuple[str, ...], seed: int) -> None:
    """A worker dies at each point, on what the ones before it left; then one is killed just so, in the middle of it all."""
    dice = random.Random(seed)
    for point in points:
        await add(world, EACH)
        await world.die_at(point, 1 if point in ("asked", "settling") else dice.randint(1, 3))
    await add(world, EACH)
    before = sum(world.taken.values())
    process = await world.start()
    while sum(world.taken.values()) == before:
        await asyncio.sleep(0.01)
    await asyncio.sleep(dice.uniform(0, 0.05))
    process.kill()
    await asyncio.to_thread(process.join)


async def ends(database: Database) -> tuple[set[str], Counter[str]]:
    """Who was told as sent, and how often each touch was told at all."""
    events = await told(database)
    return {one["touch_id"] for one in events if one["type"] == "touch.sent"}, Counter(one["touch_id"] for one in events)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("channel", "witness"), [("email", "journal"), ("sms", "key")])
async def test_with_a_witness_nobody_is_lost_and_nobody_hears_twice(
    followup_database: Database, channel: str, witness: str
) -> None:
    async with world(followup_database, channel, witness) as here:
        for number in range(ROUNDS):
            await kill_everywhere(here, POINTS, SEED + number)
            all_of_them = EACH * (len(POINTS) + 1) * (number + 1)
            assert await here.finish() == {("sent", None): all_of_them}
            assert (len(here.taken), sum(here.taken.values())) == (all_of_them, all_of_them)
            sent, events = await ends(followup_database)
            assert sent == set(here.taken)
            assert max(events.values()) == 1


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("channel", ["email", "sms"])
async def test_without_one_it_errs_on_silence_as_declared(followup_database: Database, channel: str) -> None:
    """A text never goes again without a witness, whatever the plan says."""
    async with world(followup_database, channel, "none") as here:
        for number in range(ROUNDS):
            await kill_everywhere(here, SILENT, SEED + number)
            if channel == "sms":
                await resend(followup_database)
            found, taken = await here.finish(), here.taken
            all_of_them, in_doubt = EACH * (len(SILENT) + 1) * (number + 1), found.get(("failed", "in_doubt"), 0)
            assert found == {("sent", None): all_of_them - in_doubt, ("failed", "in_doubt"): in_doubt}
            assert max(taken.values()) == 1
            assert 0 < in_doubt <= IN_DOUBT * (len(SILENT) + 1) * (number + 1)
            sent, events = await ends(followup_database)
            assert sent <= set(taken)
            assert set(events.values()) == {1}
            assert len(events) == all_of_them


@pytest.mark.timeout(1800)
async def test_where_the_plan_says_resend_everybody_hears_and_few_hear_twice(followup_database: Database) -> None:
    async with world(followup_database, "email", "none") as here:
        await add(here, 1)
        await resend(followup_database)
        for number in range(ROUNDS):
            await kill_everywhere(here, SILENT, SEED + number)
            deaths = (len(SILENT) + 1) * (number + 1)
            all_of_them = EACH * deaths + 1
            assert await here.finish() == {("sent", None): all_of_them}
            assert len(here.taken) == all_of_them
            assert sum(here.taken.values()) - all_of_them <= IN_DOUBT * deaths
            sent, _ = await ends(followup_database)
            assert sent == set(here.taken)


@pytest.mark.parametrize(("channel", "witness"), [("email", "journal"), ("sms", "key"), ("sms", "none")])
async def test_senders_frozen_past_their_lease_send_nothing_when_they_wake(
    followup_database: Database, channel: str, witness: str
) -> None:
    """One stands still with what it claimed, one before the first byte, one after the last; another one does their work."""
    async with world(followup_database, channel, witness) as here:
        frozen = []
        for point in ("claimed", "intended", "dotted"):
            await add(here, 8)
            process = await here.start(point, 1, signal.SIGSTOP)
            frozen.append(process)
            while not _stands_still(process.pid):
                await asyncio.sleep(0.02)
        try:
            await asyncio.sleep(LEASE)
            found = await here.finish()
            before = here.taken
            for process in frozen:
                os.kill(process.pid, signal.SIGCONT)
            await asyncio.sleep(1)
            assert here.taken == before
            assert max(before.values()) == 1
            if witness != "none":
                assert found == {("sent", None): 24}
                assert len(before) == 24
        finally:
            for process in frozen:
                process.kill()
                await asyncio.to_thread(process.join)


def _stands_still(pid: int) -> bool:
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "T"
