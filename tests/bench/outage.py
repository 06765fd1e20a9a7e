"""Kafka away for a minute: answers meanwhile, the time until the last lead is on the topic, lost and doubled."""

import asyncio
import time
from collections import Counter

import asyncpg

from deploy.local.system import System
from shared.events import INTAKE
from tests.bench.load import Steady, percentile
from tests.support import read_topic

AWAY, RATE = 60, 50


async def run(system: System) -> None:
    print(f"\nKafka away for {AWAY} s, {RATE} leads a second")
    before = Steady(system.ports.intake)
    await before.run(RATE, 10)
    await system.kafka.stop()
    steady = Steady(system.ports.intake)
    sent = await steady.run(RATE, AWAY)
    await system.kafka.start()
    back = time.perf_counter()
    await _until_published(system)
    last = time.perf_counter() - back
    records = await asyncio.to_thread(read_topic, system.kafka.address, INTAKE)
    seen = Counter(record.key for record in records if record.type == "lead.qualified" and record.key in steady.sent_at)
    print(
        f"  {len(steady.sent_at)} of {sent} answered 202, p99 {percentile(steady.took, 0.99) * 1000:.0f} ms "
        f"(before: {percentile(before.took, 0.99) * 1000:.0f}); the last is on the topic {last:.1f} s after the broker's return; "
        f"lost {len(steady.sent_at) - len(seen)}, doubled {sum(seen.values()) - len(seen)}"
    )


async def _until_published(system: System) -> None:
    connection = await asyncpg.connect(system.postgres.url("intake"))
    query = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM submission WHERE state = 'waiting')"
    while await connection.fetchval(query):
        await asyncio.sleep(0.02)
    await connection.close()
