"""A hundred thousand waiting leads drained by one handoff process."""

import asyncio
import contextlib
import time
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
import psutil
from aiokafka import AIOKafkaProducer

from deploy.local.system import System
from shared.envelope import to_record
from shared.events import INTAKE, Contact, LeadQualified
from tests.bench.machine import by_part, megabytes

LEADS = 100_000


async def run(system: System) -> None:
    print(f"\nDrain of {LEADS} waiting leads by one handoff process (goal 4000/s)")
    await system.parts["handoff"].stop()
    await system.parts["followup"].stop()
    await _publish(system)
    connection = await asyncpg.connect(system.postgres.url("handoff"))
    count = (
        "SELECT coalesce(sum(turn), 0)::int FROM pool"  # a turn an offer; counting the offers would cost as much as making some
    )
    before = await connection.fetchval(count)
    system.start_service("handoff")
    while not (first := await connection.fetchval(count) - before):
        await asyncio.sleep(0.05)
    began, cpu, sizes = time.perf_counter(), by_part(system), [0.0]
    while await connection.fetchval(count) - before < LEADS:
        with contextlib.suppress(psutil.Error):
            sizes.append(megabytes(system.parts["handoff"].pid))
        await asyncio.sleep(0.2)
    assigned = (LEADS - first) / (time.perf_counter() - began)
    while await connection.fetchval("SELECT EXISTS (SELECT 1 FROM outbox)"):
        await asyncio.sleep(0.1)
    whole = (LEADS - first) / (time.perf_counter() - began)
    spent = {name: (seconds - cpu[name]) / LEADS * 1e6 for name, seconds in by_part(system).items() if name in cpu}
    await connection.close()
    print(f"  {assigned:.0f}/s assigned, {whole:.0f}/s until the last offer is on Kafka; {max(sizes):.0f} MB at most")
    print("  CPU µs per lead: " + ", ".join(f"{name} {value:.0f}" for name, value in spent.items() if value >= 1))
    system.start_service("followup")
    await system.until_ready("followup")


async def _publish(system: System) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=system.kafka.address, acks="all", linger_ms=20, max_batch_size=524_288)
    await producer.start()
    now = datetime.now(UTC)
    contact = Contact(first_name="Ada", last_name="Byron", email="ada@example.net", phone="+14195552001")
    for number in range(LEADS):
        lead_id = uuid4()
        event = LeadQualified(
            lead_id=lead_id, person_id=uuid4(), form="api", selection="estimate", message="The tap drips.", tier="P3",
            score=50, received_at=now, contact=contact, agreement="0" * 64,
        )  # fmt: skip
        record = to_record(event, key=str(lead_id), source="/intake", at=now)
        headers = [(name, value.encode()) for name, value in record.headers.items()]
        await producer.send(INTAKE, record.value, key=record.key.encode(), headers=headers)
        if number % 5000 == 0:
            await asyncio.sleep(0)
    await producer.stop()
