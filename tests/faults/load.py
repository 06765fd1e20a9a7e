"""A sender who insists, and the promises as a stranger can check them."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx

from deploy.local.system import SERVICES, System
from services.intake.store import ledger
from shared.database import Transaction
from shared.events import HANDOFF, INTAKE
from tests.support import person, read_topic, until

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Load:
    """A sender who insists: what was not answered is sent again, with the same content."""

    def __init__(self, system: System) -> None:
        self.system, self.answered, self.slowest = system, set[str](), 0.0
        self._stop = asyncio.Event()

    async def run(self, per_second: float) -> None:
        async with httpx.AsyncClient(timeout=10) as http, asyncio.TaskGroup() as group:
            while not self._stop.is_set():
                group.create_task(self._insist(http, person()))
                await asyncio.sleep(1 / per_second)

    async def _insist(self, http: httpx.AsyncClient, lead: dict[str, Any]) -> None:
        while True:
            try:
                answer = await http.post(f"{self.system.url('intake')}/v1/leads", json=lead)
                if answer.status_code == 202:
                    self.answered.add(answer.json()["lead_id"])
                    self.slowest = max(self.slowest, answer.elapsed.total_seconds())
                    return
                assert answer.status_code == 503, answer.text
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.2)

    def stop(self) -> None:
        self._stop.set()


async def offered(system: System, wanted: set[str]) -> bool:
    connection = await asyncpg.connect(system.postgres.url("handoff"))
    try:
        rows = await connection.fetch("SELECT DISTINCT lead_id::text FROM assignment")
        return wanted <= {row["lead_id"] for row in rows}
    finally:
        await connection.close()


async def check(system: System, answered: set[str]) -> None:
    """The promises, read from Kafka by a stranger and from the databases."""
    await until(lambda: offered(system, answered), seconds=60, what="an offer for every answered lead")
    for topic, once in ((INTAKE, "lead.qualified"), (HANDOFF, "assignment.offered")):
        records = await asyncio.to_thread(read_topic, system.kafka.address, topic)
        first: dict[str, Any] = {}
        for record in records:
            first.setdefault(record.id, record)
        per_lead = Counter(r.key for r in first.values() if r.type == once and (topic == INTAKE or r.data["attempt"] == 1))
        assert {lead: per_lead[lead] for lead in answered if per_lead[lead] != 1} == {}
        sequences: dict[str, str] = {}
        for record in first.values():  # first occurrences, in the order of the topic
            sequence = record.headers["ce_sequence"].decode()
            assert sequences.get(record.key, "") < sequence, _told(records, record.key, topic)
            sequences[record.key] = sequence
    handoff = await asyncpg.connect(system.postgres.url("handoff"))
    intake = await asyncpg.connect(system.postgres.url("intake"))
    try:
        assert await handoff.fetchval("SELECT coalesce(sum(credit), 0) FROM pool_member") == 0
        assert await handoff.fetchval("SELECT count(*) FROM assignment WHERE attempt = 1") == await handoff.fetchval(
            "SELECT count(DISTINCT lead_id) FROM assignment"
        )
        assert await intake.fetchval("SELECT count(*) FROM submission WHERE state = 'waiting'") == 0
        assert await ledger.mismatches(Transaction(intake), LONG_AGO) == 0
        insisted = "SELECT content->'fields'->>'email' FROM submission WHERE id::text = ANY($1::text[])"
        kept = f"SELECT count(*) FROM submission WHERE content->'fields'->>'email' IN ({insisted})"
        assert await intake.fetchval(kept, list(answered)) == len(answered), "what was sent again was kept again"
        stored = {row["id"] for row in await intake.fetch("SELECT id::text FROM submission")}
        assert answered <= stored
    finally:
        await handoff.close()
        await intake.close()
    for service in SERVICES:
        database = await asyncpg.connect(system.postgres.url(service))
        dead = await database.fetch("SELECT key FROM inbox WHERE status <> 0 AND key = ANY($1::text[])", list(answered))
        await database.close()
        assert dead == [], f"{service} has dead letters of leads that were fine"


def _told(records: list[Any], key: str, topic: str) -> str:
    """What the topic says of this key, in its order."""
    said = [(one.headers["ce_sequence"].decode().lstrip("0"), one.type, one.id) for one in records if one.key == key]
    return f"{key} is out of order on {topic}: {said}"
