"""What a stranger's client can write and ours would not: the reader goes on, and nothing of it is lost."""

import asyncio
import os
import sys
from datetime import datetime
from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.record import memory_records

from deploy.local.system import System
from shared.consumer import Consumer
from shared.database import Database, Transaction
from shared.envelope import Received
from shared.events import CRM, OutcomeContacted
from shared.settings import LocalSettings
from shared.topics import dead_letter_topic
from tests.support import in_thread, outcome_headers, read_topic, until, write

LEAD = "01a20dc7-5a75-70ac-a800-894d64175f28"
# aiokafka's plain writer takes what calls itself a text; librdkafka and other clients do not even ask.
WRITE = """
import asyncio, sys
from aiokafka import AIOKafkaProducer
class Latin(str):
    def encode(self, *_):
        return b"na\\xefve"
async def main(bootstrap, topic):
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    await producer.send_and_wait(topic, b"{}", headers=[(Latin("x"), b"1")], partition=0)
    await producer.stop()
asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_header_whose_name_is_no_text_stops_nobody(
    system: System, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_records, "DefaultRecordBatch", memory_records.DefaultRecordBatch)
    monkeypatch.setattr(fetcher, "MemoryRecords", fetcher.MemoryRecords)  # both as before afterwards
    bootstrap, heard = system.kafka.address, []

    async def hear(_: Transaction, received: list[Received], __: datetime) -> None:
        heard.extend(one.id for one in received)

    plain = {**os.environ, "AIOKAFKA_NO_EXTENSIONS": "1"}
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", WRITE, bootstrap, CRM, env=plain)
    assert await child.wait() == 0
    name, body = f"strange-{os.getpid()}", b'{"lead_id": "%s"}' % LEAD.encode()
    await in_thread(write, bootstrap, CRM, LEAD, body, outcome_headers("outcome.contacted", name), 0)
    settings = LocalSettings(kafka_bootstrap_servers=bootstrap)
    consumer = Consumer(settings, database, group="strange", topics=[CRM], handlers={OutcomeContacted: hear})
    reading = asyncio.create_task(consumer.run())

    async def came() -> bool:
        assert not reading.done(), reading.exception()
        return name in heard

    await until(came, what="what stands behind the strange record")
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await consumer.stop()


async def test_a_record_as_large_as_the_broker_takes_becomes_a_letter(system: System, database: Database) -> None:
    bootstrap, body = system.kafka.address, os.urandom(1_048_300)
    headers: dict[str, Any] = outcome_headers("outcome.contacted", f"large-{os.getpid()}")
    await in_thread(write, bootstrap, CRM, LEAD, body, headers)

    async def told() -> bool:
        letters = await in_thread(read_topic, bootstrap, dead_letter_topic(CRM, "handoff"))
        return any(letter.value == body and letter.headers["dlq-reason"] == b"unreadable" for letter in letters)

    await until(told, what="the letter")
