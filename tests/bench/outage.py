"""Kafka away for a minute: answers meanwhile, the time until the last lead is on the topic, lost, doubled, out of order."""

import asyncio
import time

import asyncpg

from deploy.local.system import System
from shared.events import INTAKE
from tests.bench.load import Crowd, percentile
from tests.support import read_topic

AWAY, SENDERS = 60, 200
IN_ORDER = ["lead.opened", "lead.qualified"]


async def run(system: System) -> None:
    print(f"\nKafka away for {AWAY} s, {SENDERS} senders")
    before, during = Crowd(system.ports.intake, SENDERS), Crowd(system.ports.intake, SENDERS)
    await before.run(15)
    await system.kafka.stop()
    await during.run(AWAY)  # fails at any answer but 202
    await system.kafka.start()
    back = time.perf_counter()
    await _until_published(system)
    last = time.perf_counter() - back
    records = await asyncio.to_thread(read_topic, system.kafka.address, INTAKE)
    told: dict[str, list[str]] = {lead: [] for lead in during.sent}
    for record in records:
        if record.key in told:
            told[record.key].append(record.type)
    lost = sum(not types for types in told.values())
    doubled = sum(len(types) > len(set(types)) for types in told.values())
    disorder = sum(list(dict.fromkeys(types)) != IN_ORDER for types in told.values() if types)
    print(
        f"  {len(during.sent)} answered, all 202, p99 {percentile(during.took, 0.99) * 1000:.0f} ms "
        f"(before: {percentile(before.took, 0.99) * 1000:.0f}); the last is on the topic {last:.1f} s after the broker's return "
        f"(goal 5); lost {lost}, doubled {doubled}, out of order {disorder}"
    )


async def _until_published(system: System) -> None:
    connection = await asyncpg.connect(system.postgres.url("intake"))
    query = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM submission WHERE state = 'waiting')"
    while await connection.fetchval(query):
        await asyncio.sleep(0.02)
    await connection.close()
