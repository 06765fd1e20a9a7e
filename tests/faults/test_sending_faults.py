"""kill -9 and SIGSTOP at each point of sending: with a witness nobody hears twice and nobody is forgotten."""

import asyncio
import contextlib
import os
import random
import re
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.database import Database
from tests.services.followup.sending import add_clients, add_touches, states
from tests.support import serving

POINTS = ("random", "claimed", "intended", "started", "answered", "recorded")
SEED = int(os.environ.get("FAULT_SEED", "1"))
ROUNDS = 1 if "FAULT_SECONDS" not in os.environ else max(1, int(os.environ["FAULT_SECONDS"]) // 20)
IN_DOUBT = 16  # twice the worker's connections: no more mails than that are in doubt when it dies


class Relay:
    """Takes mail and writes each id to its log at the moment it is taken; the answer may come late, or never."""

    def __init__(self, log: Path) -> None:
        self.log, self.taken, self.hold = log, Counter[str](), asyncio.Event()
        self.hold.set()
        self.waiting = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            writer.write(b"220 ready\r\n")
            while line := (await reader.readline()).decode().strip():
                if line.startswith("EHLO"):
                    writer.write(b"250-hello\r\n250 PIPELINING\r\n")
                elif line == "DATA":
                    self.waiting.set()
                    await self.hold.wait()
                    writer.write(b"354 go on\r\n")
                    content = await reader.readuntil(b"\r\n.\r\n")
                    await asyncio.sleep(random.uniform(0, 0.01))
                    found = re.search(rb"Message-ID: (\S+)", content)
                    assert found is not None
                    id = found[1].decode()
                    self.taken[id] += 1
                    with self.log.open("a") as log:
                        log.write(f"{id}\n")
                    await asyncio.sleep(random.uniform(0, 0.01))
                    writer.write(b"250 taken\r\n")
                else:
                    writer.write(b"250 ok\r\n")


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[tuple[Relay, str]]:
    log = tmp_path / "relay.log"
    log.touch()
    found = Relay(log)
    async with serving(found) as port:
        yield found, f"smtp://127.0.0.1:{port}"


async def start(
    database: Database, relay: tuple[Relay, str], point: str, at: int, *, witness: bool
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.faults.sender_worker",
        database.url,
        relay[1],
        str(relay[0].log),
        point,
        str(at),
        "witness" if witness else "none",
        env={**os.environ, "PYTHONPATH": "."},
    )


async def finish(database: Database, relay: tuple[Relay, str], *, witness: bool) -> dict[tuple[str, str | None], int]:
    """A last worker that nobody kills settles everything."""
    worker = await start(database, relay, "none", 0, witness=witness)
    try:
        for _ in range(400):
            found = await states(database)
            if not any(state in ("planned", "claimed", "sending") for state, _ in found):
                return found
            await asyncio.sleep(0.1)
        raise AssertionError(f"not settled: {found}")
    finally:
        worker.kill()
        await worker.wait()


async def die_at(
    points: tuple[str, ...], database: Database, relay: tuple[Relay, str], dice: random.Random, *, witness: bool
) -> None:
    for point in points:
        worker = await start(database, relay, point, dice.randint(1, 4), witness=witness)
        if point == "random":
            before = sum(relay[0].taken.values())
            while sum(relay[0].taken.values()) == before:
                await asyncio.sleep(0.01)
            await asyncio.sleep(dice.uniform(0, 0.05))
            with contextlib.suppress(ProcessLookupError):
                worker.kill()
        try:
            async with asyncio.timeout(30):
                await worker.wait()
        except TimeoutError:  # nothing was left to reach its point
            worker.kill()
            await worker.wait()


@pytest.mark.timeout(900)
async def test_with_a_witness_nobody_is_lost_and_nobody_hears_twice(
    followup_database: Database, relay: tuple[Relay, str]
) -> None:
    dice = random.Random(SEED)
    for number in range(1, ROUNDS + 1):
        await add_touches(followup_database, await add_clients(followup_database, 150))
        await die_at(POINTS, followup_database, relay, dice, witness=True)
        assert await finish(followup_database, relay, witness=True) == {("sent", None): 150 * number}
        assert len(relay[0].taken) == 150 * number
        assert relay[0].taken.most_common(1)[0][1] == 1


@pytest.mark.timeout(900)
async def test_without_one_it_errs_on_silence_as_declared(followup_database: Database, relay: tuple[Relay, str]) -> None:
    await add_touches(followup_database, await add_clients(followup_database, 150))
    await die_at(POINTS[2:5], followup_database, relay, random.Random(SEED), witness=False)
    found = await finish(followup_database, relay, witness=False)
    taken = relay[0].taken
    assert max(taken.values()) == 1
    in_doubt = found.get(("failed", "in_doubt"), 0)
    assert found == {("sent", None): 150 - in_doubt, ("failed", "in_doubt"): in_doubt}
    assert 0 < in_doubt <= IN_DOUBT * 3
    assert 150 - in_doubt <= len(taken) <= 150


@pytest.mark.timeout(900)
async def test_where_the_plan_says_resend_everybody_hears_and_few_hear_twice(
    followup_database: Database, relay: tuple[Relay, str]
) -> None:
    await add_touches(followup_database, await add_clients(followup_database, 150))
    async with followup_database.transaction() as unit:
        await unit.execute("UPDATE plan SET text = replace(text, 'on_doubt = \"drop\"', 'on_doubt = \"resend\"')")
    await die_at(POINTS[2:5], followup_database, relay, random.Random(SEED), witness=False)
    assert await finish(followup_database, relay, witness=False) == {("sent", None): 150}
    taken = relay[0].taken
    assert len(taken) == 150
    assert max(taken.values()) <= 1 + 3  # once more for each death, at worst
    assert sum(taken.values()) - 150 <= IN_DOUBT * 3


async def test_a_sender_frozen_past_its_lease_sends_nothing_when_it_wakes(
    followup_database: Database, relay: tuple[Relay, str]
) -> None:
    await add_touches(followup_database, await add_clients(followup_database, 6))
    relay[0].hold.clear()
    frozen = await start(followup_database, relay, "none", 0, witness=True)
    try:
        async with asyncio.timeout(15):
            await relay[0].waiting.wait()
        frozen.send_signal(signal.SIGSTOP)
        await asyncio.sleep(3.2)  # its lease is over
        relay[0].hold.set()
        assert await finish(followup_database, relay, witness=True) == {("sent", None): 6}
        frozen.send_signal(signal.SIGCONT)
        await asyncio.sleep(1)
        assert len(relay[0].taken) == 6
        assert relay[0].taken.most_common(1)[0][1] == 1
    finally:
        with contextlib.suppress(ProcessLookupError):
            frozen.kill()
        await frozen.wait()
