"""A sender as a process of its own, killed or frozen at a numbered point of the way a touch takes out of the house."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from services.followup import store
from services.followup.adapters.imap import Mailbox
from services.followup.adapters.sms import Sms
from services.followup.adapters.smtp import Smtp, connection
from services.followup.adapters.witnesses import CallsBack, JournalWitness, SafeToRepeat
from services.followup.scheduler import recovery
from services.followup.scheduler.sending import SendingLoop
from services.followup.use_cases.sending.record import Recorder
from shared.database import Database
from tests.services.followup.sending import loop_over

LEASE, SETTLE = 2.5, 0.5
POINTS = (
    "claiming",  # 1, not committed
    "claimed",
    "intending",  # 2 and 3, not committed
    "intended",
    "half",  # 4: without the final dot, the body of the request
    "dotted",  # all is said, no answer is heard
    "answered",
    "recording",  # 5, not committed
    "recorded",  # committed, not published
    "asked",  # a witness, about what others left
    "settling",  # not committed
)


@dataclass(frozen=True)
class Job:
    """`witness`: journal, key or none. At its nth arrival at the point the worker gets the signal."""

    database: str
    channel: str
    url: str
    witness: str = "none"
    mailbox: str = ""
    point: str = ""
    at: int = 1
    signal: int = 9


@dataclass
class Fuse:
    """The nth time it is lit, the process ends or stops."""

    job: Job

    def __post_init__(self) -> None:
        self._left = self.job.at

    def burns(self) -> bool:
        self._left -= 1
        return self._left == 0

    def blow(self) -> None:
        os.kill(os.getpid(), self.job.signal)

    def after(self, work: Any) -> Any:
        async def run(*arguments: Any, **named: Any) -> Any:
            found = await work(*arguments, **named)
            if (found is None or found) and self.burns():  # where it found nothing, it did nothing
                self.blow()
            return found

        return run


def run(job: Job) -> None:
    asyncio.run(_run(job))


async def _run(job: Job) -> None:
    database = Database(job.database, name="worker", size=4)
    await database.open()
    _set(Fuse(job))
    channel: Smtp | Sms
    if job.channel == "sms":
        channel = Sms(job.url, "+14195550100", timeout=1, key_header="Idempotency-Key" if job.witness == "key" else None)
        _trace(channel, Fuse(job))
    else:
        channel = Smtp(job.url, size=8, timeout=2, data_timeout=1)
    witness = {
        "journal": lambda: JournalWitness(Mailbox(job.mailbox)),
        "key": SafeToRepeat,
        "none": lambda: CallsBack(timedelta(seconds=LEASE + SETTLE)) if job.channel == "sms" else None,
    }[job.witness]()
    journal = "journal@maple.example" if job.witness == "journal" else None
    loop = loop_over(database, channel, carries=job.channel, lease=LEASE, settle=SETTLE, witness=witness, journal=journal)
    loop.claim = 20
    await asyncio.gather(loop.send(), recovery.Recovery(loop, seconds=0.5).run())


def _set(fuse: Fuse) -> None:
    places: dict[str, tuple[Any, str]] = {
        "claiming": (store.sending, "claim_due"),
        "claimed": (SendingLoop, "_claim"),
        "intending": (store.sending, "intend"),
        "intended": (SendingLoop, "_intend"),
        "answered": (Sms if fuse.job.channel == "sms" else Smtp, "send"),
        "recording": (Recorder, "record"),
        "recorded": (SendingLoop, "_record"),
        "asked": ({"journal": JournalWitness, "key": SafeToRepeat}.get(fuse.job.witness, CallsBack), "seen"),
        "settling": (recovery, "settle_doubts"),
    }
    if fuse.job.point in places:
        owner, name = places[fuse.job.point]
        setattr(owner, name, fuse.after(getattr(owner, name)))
    elif fuse.job.channel == "email" and fuse.job.point in ("half", "dotted"):
        _cut(fuse)


def _cut(fuse: Fuse) -> None:
    """The bytes of a mail are with the kernel, all or half of them; nothing else runs before the answer is waited for."""
    burning, whole, expect = False, connection.stuffed, connection.Connection._expect

    def stuffed(content: bytes) -> bytes:
        nonlocal burning
        burning = fuse.burns()
        found = whole(content)
        return found[: len(found) // 2] if burning and fuse.job.point == "half" else found

    async def expected(self: connection.Connection, wanted: int) -> str:
        if burning:
            fuse.blow()
        return await expect(self, wanted)

    connection.stuffed = stuffed
    connection.Connection._expect = expected  # type: ignore[method-assign]


def _trace(sms: Sms, fuse: Fuse) -> None:
    """The same for a text: its head is with the kernel, or its body too."""
    event = {"half": "http11.send_request_headers.complete", "dotted": "http11.send_request_body.complete"}.get(fuse.job.point)
    url = httpx.URL(sms.url)

    async def trace(name: str, _info: Any) -> None:
        if name == event and fuse.burns():
            fuse.blow()

    async def hook(request: httpx.Request) -> None:
        request.extensions = {**request.extensions, "trace": trace}

    hooks: dict[str, list[Callable[..., Any]]] = {"request": [hook]}
    sms._client = httpx.AsyncClient(timeout=sms.timeout, auth=(url.username, url.password), event_hooks=hooks)
