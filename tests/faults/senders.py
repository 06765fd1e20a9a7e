"""What a killed sender talks to, and how it is started: stand-ins that know what they took, processes that start at once."""

import asyncio
import contextlib
import multiprocessing
import random
import re
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from shared.database import Database
from tests.faults import sender_worker
from tests.faults.sender_worker import Job
from tests.services.followup import provider
from tests.services.followup.mailbox import StandIn
from tests.services.followup.sending import states
from tests.support import serving

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["pytest", "tests.faults.sender_worker"])


class Relay:
    """Takes mail for its recipient and for the journal in one act; the answer may come late, or never."""

    def __init__(self) -> None:
        self.accepted, self.journal = list[str](), StandIn([])
        self.hold, self.waiting = asyncio.Event(), asyncio.Event()
        self.hold.set()

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
                    found = re.search(rb"Message-ID: <([^@]+)", content)
                    assert found is not None
                    self.accepted.append(found[1].decode())
                    self.journal.mails.append(content)
                    await asyncio.sleep(random.uniform(0, 0.01))
                    writer.write(b"250 taken\r\n")
                else:
                    writer.write(b"250 ok\r\n")


class World:
    """One channel, one kind of witness, one database, and what really arrived."""

    def __init__(self, database: Database, job: Job, other_side: Any) -> None:
        self.database, self.job, self.other_side = database, job, other_side

    @property
    def taken(self) -> Counter[str]:
        accepted = self.other_side.accepted
        if self.job.channel == "sms":
            return Counter(form["StatusCallback"].rpartition("/")[2] for form in accepted)
        return Counter(accepted)

    async def start(self, point: str = "", at: int = 1, signal: int = 9) -> Any:
        process = FORKS.Process(target=sender_worker.run, args=(replace(self.job, point=point, at=at, signal=signal),))
        await asyncio.to_thread(process.start)
        return process

    async def die_at(self, point: str, at: int) -> None:
        process = await self.start(point, at)
        await asyncio.to_thread(process.join, 40)
        reached = process.exitcode
        process.kill()
        assert reached == -9, f"nobody came by {point} for the {at}. time"

    async def finish(self) -> dict[tuple[str, str | None], int]:
        """A last worker that nobody kills settles everything."""
        process = await self.start()
        try:
            for _ in range(1000):
                found = await states(self.database)
                if not any(state in ("planned", "sending") for state, _ in found):
                    return found
                await asyncio.sleep(0.1)
            raise AssertionError(f"not settled: {found}")
        finally:
            process.kill()
            await asyncio.to_thread(process.join)


@contextlib.asynccontextmanager
async def world(database: Database, channel: str, witness: str) -> AsyncIterator[World]:
    if channel == "sms":
        async with provider.provider() as (stand_in, url):
            yield World(database, Job(database.url, channel, url, witness), stand_in)
        return
    relay = Relay()
    async with serving(relay) as port, serving(relay.journal) as mailbox:
        job = Job(database.url, channel, f"smtp://127.0.0.1:{port}", witness, f"imap://joe:secret@127.0.0.1:{mailbox}/INBOX")
        yield World(database, job, relay)
