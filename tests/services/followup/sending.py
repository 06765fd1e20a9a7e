"""A sending loop put together for tests: a real database, any channel, and clients with touches that are due."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import orjson
from uuid_utils.compat import uuid7

from services.followup import models
from services.followup.adapters.plan_files import PlanText, read_plan
from services.followup.adapters.rendering import shipped_templates
from services.followup.adapters.smtp import Answer
from services.followup.adapters.verp import Verp
from services.followup.domain.sending import Limit
from services.followup.scheduler.recovery import Recovery
from services.followup.scheduler.sending import SendingLoop
from services.followup.settings import PLAN
from services.followup.use_cases.consent import Addresses
from services.followup.use_cases.plan_book import PlanBook, publish
from services.followup.use_cases.sending.compose import Composer
from services.followup.use_cases.sending.intend import Intender
from services.followup.use_cases.sending.record import Recorder
from services.followup.use_cases.sending.restraints import Restraints
from shared.database import Database
from shared.signing import Signer

SECRET = b"a secret of the tests"
ADDRESSES = Addresses(SECRET)


class Recording:
    """A channel that keeps what it was given and answers as told."""

    def __init__(self, answer: Callable[[Any], Answer] | None = None, size: int = 8) -> None:
        self.size, self.sent, self._answer = size, list[Any](), answer or (lambda message: Answer("sent"))

    async def send(self, message: Any) -> Answer:
        self.sent.append(message)
        return self._answer(message)

    @property
    def recipients(self) -> list[str]:
        return [message.recipient for message in self.sent]


def loop_over(
    database: Database,
    channel: Any,
    *,
    carries: str = "email",
    limits: tuple[Limit, ...] = (),
    witness: Any = None,
    lease: float = 120,
    settle: float = 0,
    inbox: str | None = None,
    journal: str | None = None,
) -> SendingLoop:
    composer = Composer(Signer(SECRET, purpose="u"), "https://maple.example", Verp(SECRET, inbox), journal=journal)
    intender = Intender(PlanBook(PLAN), ADDRESSES, composer, Restraints(), timedelta(seconds=lease))
    return SendingLoop(
        database,
        intender,
        Recorder(ADDRESSES, intender.breaker, timedelta(seconds=settle)),
        channels={carries: channel},
        witnesses={carries: witness} if witness else {},
        limits=limits,
        may_send=_always,
        lease=timedelta(seconds=lease),
        settle_delay=timedelta(seconds=settle),
    )


async def _always() -> bool:
    return True


@contextlib.asynccontextmanager
async def running(loop: SendingLoop, *, recover: bool = False) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(loop.send())] + ([asyncio.create_task(Recovery(loop, seconds=0.5).run())] if recover else [])
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def add_clients(database: Database, number: int = 1, **contact: Any) -> list[UUID]:
    now = datetime.now(UTC)
    ids = [uuid7() for _ in range(number)]
    rows = [
        {
            "id": id,
            "first_lead_id": uuid7(),
            "household_id": id,
            "contact": {"first_name": "Ada", "last_name": "Case", "email": f"{id.hex}@example.net", **contact},
            "created_at": now,
        }
        for id in ids
    ]
    async with database.transaction() as unit:
        await unit.insert(models.Client, rows)
    return ids


async def the_plan(database: Database, more: str = "") -> int:
    """The plan that ships, at all hours of every day and without caps, published; returns its version."""
    text = re.sub(r"^(window|skip|caps|spacing|household) = .*$", "", f"{PLAN.read_text()}\n{more}", flags=re.MULTILINE)
    templates = {name: f"Sms: Thank you for your trust.\n{template}" for name, template in shipped_templates().items()}
    found = PlanText(read_plan(text), text, templates)
    async with database.transaction() as unit:
        await publish(unit, found, datetime.now(UTC))
    return found.plan.version


async def add_touches(database: Database, client_ids: Sequence[UUID], **more: Any) -> list[UUID]:
    """One due touch for each client, unless told otherwise."""
    now = datetime.now(UTC)
    enrolments, touches, version = [], [], await the_plan(database)
    for client_id in client_ids:
        enrolment = {
            "id": uuid7(),
            "client_id": client_id,
            "lead_id": uuid7(),
            "plan": "after-unit",
            "plan_version": version,
            "subject": more.get("subject", uuid7().hex),
            "anchors": {
                "day": "2026-11-25",
                "job.completed_on": "2026-11-25",
                "arrived_at": now.isoformat(),
                "trade": "plumbing",
            },
            "enrolled_at": now,
            "state": more.get("enrolment", "completed"),  # what planning leaves alone
        }
        enrolments.append(enrolment)
        touches.append(
            {
                "id": uuid7(),
                "enrolment_id": enrolment["id"],
                **{name: enrolment[name] for name in ("client_id", "lead_id", "plan", "plan_version")},
                "step": more.get("step", "thank_you"),
                "channel": more.get("channel", "email"),
                "purpose": more.get("purpose", "service"),
                "local_date": date(2026, 11, 25),
                "local_time": time(10),
                "zone": "UTC",
                "tzdata": "2026.6",
                "due_at": more.get("due_at", now - timedelta(seconds=1)),
                "expires_at": more.get("expires_at", now + timedelta(days=2)),
                "notes": [],
            }
        )
    async with database.transaction() as unit:
        await unit.insert(models.Enrolment, enrolments)
        await unit.insert(models.Touch, touches)
    return [touch["id"] for touch in touches]


async def states(database: Database) -> dict[tuple[str, str | None], int]:
    async with database.reading() as unit:
        rows = await unit.fetch("SELECT state, reason, count(*) AS n FROM touch GROUP BY 1, 2")
    return {(row["state"], row["reason"]): row["n"] for row in rows}


async def settled(database: Database, seconds: float = 20) -> dict[tuple[str, str | None], int]:
    """Wait until nothing is planned for now, claimed or in the air."""
    end = asyncio.get_running_loop().time() + seconds
    while True:
        async with database.reading() as unit:
            open_ones = await unit.value(
                "SELECT count(*) FROM touch WHERE state = 'sending' OR state = 'planned' AND due_at <= now()"
            )
        if not open_ones:
            return await states(database)
        assert asyncio.get_running_loop().time() < end, f"not settled: {await states(database)}"
        await asyncio.sleep(0.05)


async def told(database: Database) -> list[dict[str, Any]]:
    """The events waiting in the outbox."""

    async with database.reading() as unit:
        rows = await unit.fetch("SELECT headers, payload FROM outbox ORDER BY seq")
    return [
        {"type": row["headers"]["ce_type"].removeprefix("leadhandoff.").removesuffix(".v1"), **orjson.loads(row["payload"])}
        for row in rows
    ]
