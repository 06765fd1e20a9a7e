"""Submit to assignment.offered as a reader of the topic sees it, and CPU per lead over all processes."""

import asyncio
import time

from aiokafka import AIOKafkaConsumer

from deploy.local.system import System
from shared.events import HANDOFF
from tests.bench.load import Steady, percentile
from tests.bench.machine import by_part

RATES = (20, 100, 200, 400)
WARM_UP, SECONDS = 3, 10
OFFERED = ("ce_type", b"leadhandoff.assignment.offered.v1")


async def run(system: System) -> None:
    print("\nSubmit to offered, everything on this machine: p50 / p99 ms, CPU ms per lead (goal at 200/s: 40 / 100, 6)")
    consumer = AIOKafkaConsumer(HANDOFF, bootstrap_servers=system.kafka.address, auto_offset_reset="latest")
    await consumer.start()
    await consumer.seek_to_end()
    seen_at: dict[str, float] = {}

    async def read() -> None:
        async for record in consumer:
            if OFFERED in record.headers:
                seen_at.setdefault(record.key.decode(), time.perf_counter())

    reader = asyncio.create_task(read())
    for rate in RATES:
        await Steady(system.ports.intake).run(rate, WARM_UP)
        await asyncio.sleep(1.5)
        steady, before = Steady(system.ports.intake), by_part(system)
        count = await steady.run(rate, SECONDS)
        await asyncio.sleep(1.5)
        spent = {name: (seconds - before[name]) / count * 1000 for name, seconds in by_part(system).items()}
        took = [seen_at[lead] - sent for lead, sent in steady.sent_at.items() if lead in seen_at]
        figures = f"{percentile(took, 0.5) * 1000:6.0f} / {percentile(took, 0.99) * 1000:4.0f} ms"
        parts = ", ".join(f"{name} {value:.2f}" for name, value in spent.items())
        print(f"  {rate:4}/s  {figures}   {sum(spent.values()):5.2f} ms ({parts})   {count - len(took)} not seen")
    reader.cancel()
    await consumer.stop()
