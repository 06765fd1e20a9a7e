"""Handoff on a real database, without Kafka: what tests say to it, and what it wrote."""

import atexit
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import orjson
from fastapi import FastAPI
from uuid_utils.compat import uuid7

from services.handoff import api, consumer, models, pages, store
from services.handoff.adapters.links import Links
from services.handoff.settings import Settings
from services.handoff.use_cases.agreements import apply_agreement
from services.handoff.use_cases.clocks import handle_due_timers
from services.handoff.use_cases.facts import note_received
from services.handoff.use_cases.mails import claim_mails, settle_mails
from shared import events, http, inbox
from shared.consumer import Refused
from shared.database import Database
from shared.envelope import Received
from shared.settings import ROOT

NOW = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)  # a Wednesday
SHIPPED = (ROOT / "deploy" / "agreement.toml").read_text()
CONTACT = {"first_name": "Ada", "last_name": "Case", "email": "ada@example.net", "phone": "+12125550123"}
KEY = "lh_test-key"
BASE = "https://maple.example"
LINKS = Links(BASE, b"test secret")
_serial = itertools.count(1)


class Handoff:
    """Speaks to handoff as Kafka does. `now` moves only when it is told to."""

    def __init__(self, database: Database) -> None:
        self.database, self.now = database, NOW

    async def start(self, *reps: str, agreement: str = SHIPPED) -> list[UUID]:
        """An agreement in force, and reps in its pool."""
        ids = [uuid7() for _ in reps]
        rows = [
            {"id": id, "name": name, "email": f"{name.lower()}@maple.example", "state": "active", "created_at": self.now}
            for id, name in zip(ids, reps, strict=True)
        ]
        async with self.database.transaction() as unit:
            await apply_agreement(unit, agreement, ["test"], self.now)
            await unit.insert(models.Rep, rows)
        return ids

    async def hear(self, *heard: events.Event, id: str | None = None, source: str = "/test") -> None:
        """Read events in one batch, as the consumer does. Raises Refused where there is only one and it is refused."""
        received = [self.received(event, id=id, source=source) for event in heard]
        async with self.database.transaction() as unit:
            claimed = await inbox.claim(unit, received)
            fresh = [one for one in received if (one.source, one.id) in claimed]
            if fresh:
                await note_received(unit, fresh, self.now)
            for one in fresh:
                if handler := consumer.HANDLERS.get(type(one.event)):
                    await handler(unit, [one], self.now)

    def received(self, event: events.Event, *, id: str | None = None, source: str = "/test") -> Received:
        key = str(getattr(event, "lead_id", None) or "")
        return Received(event.TOPICS[-1], key, id or f"e{next(_serial)}", source, event, self.now, None)

    async def refusal(self, event: events.Event) -> str:
        """The sentence with which an event is refused; empty where it is taken."""
        try:
            await self.hear(event)
        except Refused as error:
            return str(error)
        return ""

    async def qualify(self, lead_id: UUID | None = None, **more: Any) -> UUID:
        """A lead from marketing."""
        lead_id = lead_id or uuid7()
        await self.hear(qualified(lead_id, self.now, **more))
        return lead_id

    async def pass_time(self, **more: int) -> None:
        """Let time pass, and handle what became due."""
        self.now += timedelta(**more)
        async with self.database.transaction() as unit:
            while await handle_due_timers(unit, self.now):
                pass

    async def state(self, lead_id: UUID) -> Any:
        async with self.database.reading() as unit:
            lead = await store.leads.lead(unit, lead_id)
        return lead and lead["state"]

    async def active(self, lead_id: UUID) -> Any:
        async with self.database.reading() as unit:
            return await store.assignments.active_assignment(unit, lead_id)

    async def published(self, lead_id: UUID | None = None, *, topic: str = events.HANDOFF) -> list[dict[str, Any]]:
        """What stands in the outbox, in order: its type without prefix, and its fields."""
        query = "SELECT headers, payload FROM outbox WHERE topic = $1 AND ($2::text IS NULL OR key = $2) ORDER BY seq"
        async with self.database.reading() as unit:
            rows = await unit.fetch(query, topic, str(lead_id) if lead_id else None)
        return [{"type": _short(row["headers"]["ce_type"]), "headers": row["headers"], **_body(row)} for row in rows]

    async def types(self, lead_id: UUID) -> list[str]:
        return [event["type"] for event in await self.published(lead_id)]

    def app(self) -> FastAPI:
        """The doors over HTTP, with one key for every scope: KEY."""
        app = FastAPI()
        http.install(app)
        app.add_middleware(http.Edge)
        api.add_routes(app, Settings(database_url="postgresql://x/x", api_key_file=_key_file()), self.database)
        pages.add_routes(app, self.database, LINKS)
        return app

    @asynccontextmanager
    async def client(self, key: str = KEY) -> AsyncIterator[httpx.AsyncClient]:
        transport, headers = httpx.ASGITransport(self.app()), {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers) as opened:
            yield opened

    async def mails(self) -> list[EmailMessage]:
        """Write the mails that are due, and take them for sent."""
        async with self.database.transaction() as unit:
            outgoing, _ = await claim_mails(unit, LINKS, self.now)
            await settle_mails(unit, outgoing, ["sent"] * len(outgoing))
        return [message_from_bytes(one.mail.content, _class=EmailMessage, policy=policy.default) for one in outgoing]

    async def dead_letters(self) -> list[dict[str, Any]]:
        return await self.published(topic=f"{events.CRM}.handoff.dlq")


@cache
def _key_file() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="lead-handoff-key-"))
    atexit.register(shutil.rmtree, folder)
    (folder / "key").write_text(KEY)
    return folder / "key"


def qualified(lead_id: UUID, now: datetime, **more: Any) -> events.LeadQualified:
    given = {
        "lead_id": lead_id,
        "person_id": uuid7(),
        "form": "contact",
        "selection": "estimate",
        "message": "The tap drips.",
        "tier": "P2",
        "score": 70,
        "received_at": now,
        "contact": CONTACT,
        "agreement": "0" * 64,
        **more,
    }
    return events.LeadQualified.model_validate(given)


def _short(name: str) -> str:
    return name.removeprefix(events.PREFIX).removesuffix(events.VERSION)


def _body(row: Any) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(row["payload"])
    return found
