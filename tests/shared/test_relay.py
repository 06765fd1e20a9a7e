"""Two relays on one outbox: each row is published once and in order, while both are alive and nothing fails."""

import asyncio
from uuid import uuid4

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local.system import System
from shared.database import Database
from shared.envelope import Record
from shared.outbox import put
from shared.relay import Relay
from shared.settings import LocalSettings
from tests.support import read_topic, until

ROWS, KEYS = 400, 5


async def test_two_relays_publish_each_row_once_and_in_order(system: System, database: Database) -> None:
    topic = f"relay-{uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=system.kafka.address)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 3, 1)])
    await admin.close()
    settings = LocalSettings(kafka_bootstrap_servers=system.kafka.address)
    databases = [Database(database.url, name="relay", size=2, idle_in_transaction="15s") for _ in range(2)]
    for one in databases:
        await one.open()
    relays = [Relay(settings, one) for one in databases]
    running = [asyncio.create_task(relay.run()) for relay in relays]
    try:
        for number in range(ROWS):
            async with database.transaction() as unit:
                key = f"key{number % KEYS}"
                await put(unit, topic, [Record(key, {"ce_id": str(number)}, str(number).encode())])
            for relay in relays:
                relay.wake(unit.shards)
            await asyncio.sleep(0.002)

        async def empty() -> bool:
            async with database.reading() as unit:
                return not await unit.value("SELECT count(*) FROM outbox")

        await until(empty, what="an empty outbox")
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for relay, one in zip(relays, databases, strict=True):
            await relay.stop()
            await one.close()
    records = await asyncio.to_thread(read_topic, system.kafka.address, topic)
    assert len(records) == ROWS  # published once: the lock made the relays take turns
    for key in {record.key for record in records}:
        numbers = [int(record.value) for record in records if record.key == key]
        assert numbers == sorted(numbers)
