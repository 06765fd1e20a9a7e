"""Dead letters: what a reader could not process, with the reason; and redrive, which brings it back in order."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from shared import inbox, telemetry
from shared.database import Transaction, storable
from shared.envelope import Received, Record, to_record
from shared.kafka import connection, make_producer
from shared.outbox import put
from shared.settings import LocalSettings
from shared.topics import dead_letter_topic


@dataclass(frozen=True, slots=True)
class Letter:
    """A record that could not be applied, and why."""

    record: Any
    reason: str
    error: str
    received: Received | None = None
    attempts: int = 1


async def write(unit: Transaction, reader: str, letters: Sequence[Letter], now: datetime) -> None:
    """Put letters on the reader's dead letter topic through our own outbox, and mark them in the inbox, atomically."""
    for letter in letters:
        record, received = letter.record, letter.received
        name = (received.source, received.id) if received else ("?", f"{record.topic}:{record.partition}:{record.offset}")
        key = received.key if received else _text(record.key)
        status = {"failed": inbox.DEAD, "parked": inbox.PARKED}.get(letter.reason, inbox.REFUSED)
        if not await inbox.mark(unit, name, topic=record.topic, key=key, status=status):
            continue
        headers = {storable(header): _text(value) for header, value in record.headers if not header.startswith("dlq-")}
        headers |= {
            "dlq-consumer": reader,
            "dlq-reason": letter.reason,
            "dlq-error": storable(letter.error[:1000]),
            "dlq-attempts": str(letter.attempts),
            "dlq-topic": record.topic,
            "dlq-partition": str(record.partition),
            "dlq-offset": str(record.offset),
            "dlq-at": now.isoformat(),
        }
        await put(unit, dead_letter_topic(record.topic, reader), [Record(_text(record.key), headers, record.value or b"")])
        telemetry.DEAD_LETTERS.labels(letter.reason).inc()


@dataclass(frozen=True, slots=True)
class _Rewritten:
    """The record of an event that was kept for later: the bytes are new, its names are its own."""

    topic: str
    key: bytes
    headers: list[tuple[str, bytes]]
    value: bytes
    partition: int = -1
    offset: int = -1


async def write_kept(unit: Transaction, reader: str, one: Received, reason: str, error: str, now: datetime) -> None:
    """A letter for an event that was read long ago and kept."""
    record = to_record(one.event, key=one.key, source=one.source, at=one.at or now, event_id=one.id)
    headers = [(name, value.encode()) for name, value in record.headers.items()]
    rewritten = _Rewritten(one.topic, record.key.encode(), headers, record.value)
    await write(unit, reader, [Letter(rewritten, reason, error, one)], now)


def _text(value: bytes | None) -> str:
    return storable((value or b"").decode("utf-8", "replace"))


async def redrive(
    settings: LocalSettings,
    *,
    topic: str,
    reader: str,
    ids: set[str] | None = None,
    key: str | None = None,
    reason: str | None = None,
    dry_run: bool = False,
) -> list[dict[str, str]]:
    """Publish dead letters to their topic again, oldest first, with the same ce_id. Returns those chosen.

    The reader takes a redriven event if it is still dead, and unparks the key when none of it is left.
    """
    letters = await _read_all(settings, dead_letter_topic(topic, reader))
    chosen = [
        letter
        for letter in letters
        if (ids is None or letter["headers"].get("ce_id") in ids)
        and (key is None or letter["key"] == key)
        and (reason is None or letter["headers"].get("dlq-reason") == reason)
    ]
    latest: dict[tuple[Any, ...], dict[str, Any]] = {}
    for letter in chosen:  # a letter that failed again after a redrive stands here twice
        headers = letter["headers"]
        identity = (
            headers.get("ce_source"),
            headers.get("ce_id"),
            headers["dlq-offset"] if "ce_id" not in headers else "",
        )
        latest.setdefault(identity, letter)
    if not dry_run:
        await _publish(settings, topic, list(latest.values()))
    return [{"key": letter["key"], **letter["headers"]} for letter in latest.values()]


async def _read_all(settings: LocalSettings, topic: str) -> list[dict[str, Any]]:
    consumer = AIOKafkaConsumer(**connection(settings), enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        await consumer.start()
        partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or {0})]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found: list[dict[str, Any]] = []
        for partition in partitions:
            await consumer.seek_to_beginning(partition)
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                found.extend(
                    {
                        "key": _text(record.key),
                        "value": record.value,
                        "headers": {name: _text(value) for name, value in record.headers},
                    }
                    for record in records
                )
        return found
    finally:
        await consumer.stop()


def times_before(headers: Mapping[str, str]) -> int:
    """How often a letter was redriven; a stranger may have written anything there."""
    told = headers.get("redrive-count", "")
    return int(told) if re.fullmatch("[0-9]{1,6}", told) else 0


async def _publish(settings: LocalSettings, topic: str, letters: list[dict[str, Any]]) -> None:
    producer: AIOKafkaProducer = make_producer(settings)
    try:
        await producer.start()
        for letter in letters:  # one after the other: order matters more than speed here
            count = times_before(letter["headers"]) + 1
            kept = {name: value for name, value in letter["headers"].items() if not name.startswith("dlq-")}
            headers = [(name, value.encode()) for name, value in (kept | {"redrive-count": str(count)}).items()]
            async with asyncio.timeout(15):
                await producer.send_and_wait(topic, letter["value"], key=letter["key"].encode() or None, headers=headers)
    finally:
        await producer.stop()
