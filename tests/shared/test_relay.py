"""Two relays on one outbox: each row is published once and in order, while both are alive and nothing fails."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from deploy.local.system import System
from shared.database import Database
from shared.envelope import Record
from shared.outbox import put, refused, resend
from shared.relay import Relay
from shared.settings import LocalSettings
from shared.telemetry import OUTBOX_DEAD
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


@pytest.mark.timeout(120)
async def test_a_record_the_broker_never_takes_is_set_aside_and_its_key_waits(system: System, database: Database) -> None:
    topic = f"small-{uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=system.kafka.address)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1, topic_configs={"max.message.bytes": "2000"})])
    await admin.close()
    relays = Database(database.url, name="relay", size=2, idle_in_transaction="15s")
    await relays.open()
    relay = Relay(LocalSettings(kafka_bootstrap_servers=system.kafka.address), relays)
    running = asyncio.create_task(relay.run())
    before = OUTBOX_DEAD.labels(topic)._value.get()
    try:
        async with database.transaction() as unit:
            large = Record("bad", {"ce_id": "1"}, os.urandom(5000).hex().encode())
            await put(unit, topic, [Record("good", {}, b"a"), large, Record("bad", {}, b"later"), Record("good", {}, b"b")])
        relay.wake(unit.shards)
        assert await until(lambda: _kept(database), seconds=40, what="the dead row") == [("bad", "1")]

        async def rest() -> list[bytes]:
            async with database.reading() as unit:
                return [row["payload"] for row in await unit.fetch("SELECT payload FROM outbox ORDER BY seq")]

        await until(_is(rest, [b"later"]), seconds=20, what="the rest of the outbox")
        assert OUTBOX_DEAD.labels(topic)._value.get() == before + 1

        await _allow(system, topic, "20000")
        async with database.transaction() as unit:
            assert [(row["key"], row["topic"]) for row in await refused(unit)] == [("bad", topic)]
            await resend(unit)
        await until(_is(rest, []), seconds=20, what="an empty outbox")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await relay.stop()
        await relays.close()
    values = list(dict.fromkeys(record.value for record in await asyncio.to_thread(read_topic, system.kafka.address, topic)))
    assert values == [b"a", b"b", large.value, b"later"]  # in order, and the key that waited after it was resent


async def _allow(system: System, topic: str, size: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=system.kafka.address)
    await admin.start()
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs={"max.message.bytes": size})])
    await admin.close()


async def _kept(database: Database) -> list[tuple[str, str]]:
    async with database.reading() as unit:
        return [(row["key"], row["headers"]["ce_id"]) for row in await unit.fetch("SELECT key, headers FROM outbox_dead")]


def _is(look: Callable[[], Awaitable[object]], wanted: object) -> Callable[[], Awaitable[bool]]:
    async def compared() -> bool:
        return await look() == wanted

    return compared
