"""What tests share: a stranger's Kafka client, waiting, people who do not exist."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka
from cloudevents.core.formats.json import JSONFormat
from confluent_kafka import Consumer, Producer, TopicPartition

_serial = itertools.count(1)


def person(**more: Any) -> dict[str, Any]:
    """A lead of somebody new."""
    number = next(_serial)
    return {
        "first_name": "Ada",
        "last_name": f"Case{number}",
        "email": f"case{number}.{time.time_ns()}@example.net",
        "selection": "estimate",
        "message": "The tap drips.",
        **more,
    }


async def until(look: Callable[[], Awaitable[Any]], *, seconds: float = 20, what: str = "it") -> Any:
    """Look again until something is there; an AssertionError where it does not come."""
    end = time.monotonic() + seconds
    while True:
        found = await look()
        if found:
            return found
        assert time.monotonic() < end, f"{what} did not come within {seconds} s"
        await asyncio.sleep(0.05)


class Record:
    """A record as a stranger sees it: librdkafka for the bytes, the CloudEvents SDK for the event."""

    def __init__(self, message: Any) -> None:
        self.key = (message.key() or b"").decode()
        self.headers = dict(message.headers() or [])
        self.value = message.value()
        self.partition, self.offset = message.partition(), message.offset()

    @property
    def id(self) -> str:
        return self.headers["ce_id"].decode()

    @property
    def type(self) -> str:
        return self.headers["ce_type"].decode().removeprefix("leadhandoff.").removesuffix(".v1")

    @property
    def data(self) -> Any:
        return from_kafka(KafkaMessage(self.headers, self.key, self.value), JSONFormat()).get_data()


def read_topic(bootstrap: str, topic: str) -> list[Record]:
    """Everything on a topic, in order of partition and offset."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "stranger", "enable.auto.commit": False})
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        ends = {n: consumer.get_watermark_offsets(TopicPartition(topic, n), timeout=10)[1] for n in partitions}
        consumer.assign([TopicPartition(topic, n, 0) for n, end in ends.items() if end])
        found: list[Record] = []
        waiting = {n: end for n, end in ends.items() if end}
        deadline = time.monotonic() + 30
        while waiting and time.monotonic() < deadline:
            message = consumer.poll(1.0)
            if message is None or message.error():
                continue
            found.append(Record(message))
            if message.offset() + 1 >= waiting.get(message.partition(), 1 << 62):
                waiting.pop(message.partition(), None)
        assert not waiting, f"{topic} could not be read to its end"
        return sorted(found, key=lambda one: (one.partition, one.offset))
    finally:
        consumer.close()


def write(
    bootstrap: str, topic: str, key: str | None, value: bytes | None, headers: dict[str, str | bytes], partition: int = -1
) -> None:
    """Write a record with librdkafka, which partitions otherwise than we do unless it is told where to write."""
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "message.max.bytes": 2_000_000})
    pairs = [(name, content.encode() if isinstance(content, str) else content) for name, content in headers.items()]
    producer.produce(topic, value=value, key=key, headers=pairs, partition=partition)
    assert producer.flush(20) == 0


def outcome_headers(kind: str, event_id: str, source: str = "/crm/test") -> dict[str, str | bytes]:
    return {
        "ce_specversion": "1.0",
        "ce_id": event_id,
        "ce_source": source,
        "ce_type": f"leadhandoff.{kind}.v1",
        "content-type": "application/json",
    }


@asynccontextmanager
async def serving(talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[int]:
    """A server on this port, whose conversations end with it: one that still sleeps would be found unclosed much later."""
    talking: dict[asyncio.Task[Any], asyncio.StreamWriter] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talking[task] = writer
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            del talking[task]

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        writers = list(talking.values())
        for task in list(talking):
            task.cancel()
        for writer in writers:
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def in_thread(work: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.to_thread(work, *arguments)
