"""followup.touches.v1 read from a position to its end, without a group: the witness that survives a restore.

And whether what others published was read: what a group committed, beside the ends of its topics.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import UnknownTopicOrPartitionError

from shared import telemetry
from shared.envelope import Received, Unreadable, from_record
from shared.events import FOLLOWUP
from shared.kafka import connection
from shared.settings import LocalSettings

BATCH = 1_000
LOOK_SECONDS = 0.5


async def read_to_end(
    settings: LocalSettings, positions: Mapping[int, int], topic: str = FOLLOWUP
) -> AsyncIterator[tuple[list[Received], dict[int, int]]]:
    """Batches of events with the positions after them. Raises KafkaError or OSError where the broker is away."""
    consumer = AIOKafkaConsumer(topic, **connection(settings), enable_auto_commit=False, isolation_level="read_committed")
    try:
        await consumer.start()
        partitions = sorted(consumer.assignment(), key=lambda one: one.partition)  # no group: all of them
        if not partitions:
            raise UnknownTopicOrPartitionError(topic)
        ends, starts = await consumer.end_offsets(partitions), await consumer.beginning_offsets(partitions)
        waiting = {}
        for one in partitions:
            at = min(max(positions.get(one.partition, 0), starts[one]), ends[one])
            consumer.seek(one, at)
            if at < ends[one]:
                waiting[one] = at
        while waiting:
            polled = await consumer.getmany(timeout_ms=1_000, max_records=BATCH)
            events = [event for records in polled.values() for record in records if (event := _read(record)) is not None]
            at_end = {}
            for one in list(waiting):
                at_end[one.partition] = await consumer.position(one)
                if at_end[one.partition] >= ends[one]:
                    del waiting[one]
            yield events, at_end
    finally:
        await consumer.stop()


async def wait_until_read(settings: LocalSettings, group: str, topics: Collection[str]) -> None:
    """Ends once this group applied what stands on these topics now. Raises KafkaError or OSError where the broker is away."""
    ends = await _filled(settings, topics)
    asking = AIOKafkaConsumer(**connection(settings), group_id=group, enable_auto_commit=False)  # without topics: joins nothing
    try:
        await asking.start()
        if ends := await _unread(asking, ends):
            telemetry.log().warning("nothing is sent until what waits on the topics is read", partitions=len(ends))
        while ends:
            await asyncio.sleep(LOOK_SECONDS)
            ends = await _unread(asking, ends)
    finally:
        await asking.stop()


async def _unread(asking: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    return {one: end for one, end in ends.items() if (await asking.committed(one) or 0) < end}


async def _filled(settings: LocalSettings, topics: Collection[str]) -> dict[TopicPartition, int]:
    """The ends of those partitions that hold anything."""
    consumer = AIOKafkaConsumer(*topics, **connection(settings), enable_auto_commit=False, isolation_level="read_committed")
    try:
        await consumer.start()
        partitions = consumer.assignment()
        consumer.pause(*partitions)
        if missing := set(topics) - {one.topic for one in partitions}:
            raise UnknownTopicOrPartitionError(", ".join(sorted(missing)))
        ends, starts = await consumer.end_offsets(partitions), await consumer.beginning_offsets(partitions)
        return {one: end for one, end in ends.items() if starts[one] < end}
    finally:
        await consumer.stop()


def _read(record: object) -> Received | None:
    """None for what no reader could read: it says nothing about what was sent."""
    try:
        return from_record(topic=record.topic, key=record.key, headers=record.headers, value=record.value)  # type: ignore[attr-defined]
    except Unreadable:
        return None
