"""Three replicas of handoff share the leads while they are killed and come and go: one lead, one rep, credits exact.

FAULT_LEADS makes it longer: `make faults` sends ten thousand.
"""

import asyncio
import os
import random
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer

from deploy.local.system import System
from shared.envelope import to_record
from shared.events import HANDOFF, INTAKE, Contact, LeadQualified
from tests.support import read_topic, until

LEADS = int(os.environ.get("FAULT_LEADS", "300"))
SEED = int(os.environ.get("FAULT_SEED", "7"))


async def send(system: System, leads: list[UUID]) -> None:
    """Qualified leads, as intake publishes them, and every tenth of them twice."""
    producer = AIOKafkaProducer(bootstrap_servers=system.kafka.address, acks="all", linger_ms=5)
    await producer.start()
    for number, lead_id in enumerate(leads):
        now = datetime.now(UTC)
        event = LeadQualified(
            lead_id=lead_id,
            person_id=uuid4(),
            form="api",
            selection="estimate",
            tier="P3",
            score=50,
            received_at=now,
            contact=Contact(first_name="Ada", last_name="Case", email=f"case{number}@example.net"),
            agreement="0" * 64,
        )
        record = to_record(event, key=str(lead_id), source="/intake", at=now)
        headers = [(name, value.encode()) for name, value in record.headers.items()]
        headers.append(("ce_sequence", b"%019d" % number))  # as a relay would
        for _ in range(2 if number % 10 == 0 else 1):
            await producer.send(INTAKE, record.value, key=record.key.encode(), headers=headers)
        if number % 50 == 0:
            await asyncio.sleep(0.15)
    await producer.stop()


async def disturb(system: System, stop: asyncio.Event) -> None:
    """Kill one, bring it back; let another leave in order, and join again: a rebalance each time."""
    dice = random.Random(SEED)
    while not stop.is_set():
        await asyncio.sleep(dice.uniform(0.5, 1.5))
        instance = dice.choice([1, 2])
        part = system.parts.pop(f"handoff-{instance}")
        await (part.kill() if dice.random() < 0.7 else part.stop())
        await system.add_replica("handoff", instance)


@pytest.mark.timeout(1800)
async def test_three_replicas_with_kills_and_rebalances_give_each_lead_to_one_rep(system: System) -> None:
    for instance in (1, 2):
        await system.add_replica("handoff", instance)
    leads, stop = [uuid4() for _ in range(LEADS)], asyncio.Event()
    disturbing = asyncio.create_task(disturb(system, stop))
    connection = await asyncpg.connect(system.postgres.url("handoff"))
    try:
        await send(system, leads)
        count = "SELECT count(DISTINCT lead_id) = $2 FROM assignment WHERE lead_id = ANY($1::uuid[])"
        await until(lambda: connection.fetchval(count, leads, LEADS), seconds=120 + LEADS / 20, what="an offer for every lead")
        stop.set()
        await disturbing
        first = "SELECT count(*) FROM assignment WHERE lead_id = ANY($1::uuid[]) AND attempt = 1"
        assert await connection.fetchval(first, leads) == LEADS
        active = "SELECT lead_id FROM assignment WHERE state IN ('offered', 'accepted', 'active') "
        assert await connection.fetch(active + "GROUP BY lead_id HAVING count(*) > 1") == []
        sums = await connection.fetch("SELECT pool, sum(credit) AS total FROM pool_member GROUP BY pool")
        assert {row["pool"]: row["total"] for row in sums} == {"team": 0}
        widest = "SELECT max(abs(credit)) FROM pool_member"
        assert await connection.fetchval(widest) < 2 * 10**9
        await until(lambda: connection.fetchval("SELECT count(*) = 0 FROM outbox"), what="the last event on its way")
    finally:
        stop.set()
        await asyncio.gather(disturbing, return_exceptions=True)
        await connection.close()
        for instance in (1, 2):
            if (part := system.parts.pop(f"handoff-{instance}", None)) is not None:
                await part.stop()
    records = await asyncio.to_thread(read_topic, system.kafka.address, HANDOFF)
    wanted = {str(lead) for lead in leads}
    offers = {record.id: record.key for record in records if record.type == "assignment.offered" and record.data["attempt"] == 1}
    assert sorted(key for key in offers.values() if key in wanted) == sorted(wanted)
    said = await system.run("-m", "services.handoff", "verify")
    assert "decisions verify." in said
