"""The consumer: one poll, one database transaction; then offsets. A bad event harms nobody else.

Rules and the aiokafka bugs behind them: docs/decisions/0002-kafka-client.md. Guarantee: every handler sees each event
once, and the first occurrences of one key in order.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CorruptRecordException, IllegalStateError, KafkaError, UnknownTopicOrPartitionError

from shared import dead_letters, inbox, telemetry
from shared.database import Database, Transaction, is_transient
from shared.dead_letters import Letter
from shared.envelope import Received, Unreadable, from_record
from shared.events import CRM, Event
from shared.kafka import make_consumer, read_any_name
from shared.settings import LocalSettings

Handler = Callable[[Transaction, list[Received], datetime], Awaitable[None]]
FAST_TRIES = 3
COMMIT_SECONDS = 0.5


class Refused(Exception):
    """The event contradicts what we know. It goes to the dead letters with this sentence and parks nothing."""


class Consumer(ConsumerRebalanceListener):  # type: ignore[misc]
    """`handlers` maps an event to the use case that applies a list of them, each of another key.

    `patient`: nobody waits for what this reader does, so it may read a few times a second instead of at once.
    """

    def __init__(
        self,
        settings: LocalSettings,
        database: Database,
        *,
        group: str,
        topics: Sequence[str],
        handlers: Mapping[Any, Handler],
        observe: Handler | None = None,
        patient: bool = False,
    ) -> None:
        self._settings, self._database, self._group, self._topics = settings, database, group, tuple(topics)
        self._handlers, self._observe, self._patient = handlers, observe, patient
        self._wanted = handlers if observe is None else None  # who observes wants to see every type
        self._gate = asyncio.Lock()
        self._finished: dict[TopicPartition, int] = {}
        self._committed_at = 0.0
        self._consumer: AIOKafkaConsumer | None = None
        self._generation = 0
        self.polled_at = time.monotonic()

    async def run(self) -> None:
        """Read for ever; while Kafka is away, wait for it."""
        backoff = 0.1
        telemetry.LAST_POLL.set_to_current_time()  # who never reaches Kafka is late from now on
        while self._consumer is None:
            consumer = make_consumer(self._settings, group=self._group, patient=self._patient)
            consumer.subscribe(self._topics, listener=self)
            try:
                async with asyncio.timeout(30):
                    await consumer.start()
                    if missing := set(self._topics) - await consumer.topics():  # it would look again only in half a minute
                        raise UnknownTopicOrPartitionError(f"{', '.join(sorted(missing))}: run python -m shared.topics")
                self._consumer = consumer
            except (KafkaError, OSError, TimeoutError) as error:
                telemetry.log().warning("consumer waits for Kafka", error=repr(error)[:200])
                await _stop(consumer)
            except asyncio.CancelledError:  # asked to stop before it began: nothing of it may stay behind
                await _stop(consumer)
                raise
            if self._consumer is None:
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2, 1.0)
        while True:
            polled = await self._poll(self._consumer)
            self._note_poll()
            records = [record for partition in polled.values() for record in partition]
            if records:
                await self._apply_or_wait(records, {tp: part[-1].offset + 1 for tp, part in polled.items()})
            if self._finished and time.monotonic() - self._committed_at >= COMMIT_SECONDS:
                async with self._gate:
                    await self._commit()

    async def _poll(self, consumer: AIOKafkaConsumer) -> dict[TopicPartition, list[Any]]:
        try:
            return await consumer.getmany(timeout_ms=500, max_records=500)  # type: ignore[no-any-return]
        except (CorruptRecordException, UnicodeDecodeError) as error:
            if not read_any_name():
                raise
            telemetry.log().warning("a record is not written as it should be: reading on more slowly", error=repr(error)[:200])
            return {}

    async def stop(self) -> None:
        """Commit what is finished and leave the group; bounded, for the broker may be away."""
        if self._consumer is not None:
            async with self._gate:
                await self._commit()
            await _stop(self._consumer)

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """Wait for the batch in hand, then commit: offsets of lost partitions can no longer be committed."""
        self._generation += 1
        telemetry.REBALANCES.inc()
        try:
            async with asyncio.timeout(30), self._gate:
                await self._commit()
        except TimeoutError:
            telemetry.log().warning("partitions went while a batch was still being applied")
        self._finished.clear()

    async def on_partitions_assigned(self, assigned: Any) -> None:
        telemetry.ASSIGNED.set(len(assigned))

    def _note_poll(self) -> None:
        self.polled_at = time.monotonic()
        telemetry.LAST_POLL.set_to_current_time()

    async def _apply_or_wait(self, records: list[Any], offsets: dict[TopicPartition, int]) -> None:
        """Apply a batch. While the database is away the partitions wait, which keeps order."""
        generation, backoff = self._generation, 0.1
        started = time.monotonic()
        while generation == self._generation:
            async with self._gate:
                if generation != self._generation:
                    return  # somebody else's batch now
                try:
                    await self.apply(records, datetime.now(UTC))
                    self._finished.update(offsets)
                    telemetry.BATCH_SIZE.observe(len(records))
                    telemetry.BATCH_SECONDS.observe(time.monotonic() - started)
                    return
                except Exception as error:
                    if not is_transient(error):
                        raise
                    telemetry.CONSUMER_RETRIES.inc()
                    telemetry.log().warning("batch waits for the database", error=repr(error)[:200])
            await self._idle(backoff * (0.5 + random.random() / 2))  # noqa: S311  jitter
            backoff = min(backoff * 2, 30.0)

    async def _idle(self, seconds: float) -> None:
        """Stay a member of the group without taking records."""
        assert self._consumer is not None  # noqa: S101
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            partitions = self._consumer.assignment()
            self._consumer.pause(*partitions)
            try:
                await self._consumer.getmany(timeout_ms=0)
                self._note_poll()
                await asyncio.sleep(min(left, 1.0))
            finally:
                self._consumer.resume(*(partitions & self._consumer.assignment()))

    async def _commit(self) -> None:
        """Explicit offsets; a failure is harmless, for the inbox drops what comes again."""
        offsets, self._finished = self._finished, {}
        self._committed_at = time.monotonic()
        if not offsets or self._consumer is None:
            return
        try:
            async with asyncio.timeout(5):
                await self._consumer.commit(offsets)
        except (KafkaError, IllegalStateError, TimeoutError) as error:
            telemetry.log().info("offsets were not committed", error=repr(error)[:200])

    # ---- one batch ---------------------------------------------------------------------------------------------------
    async def apply(self, records: list[Any], now: datetime) -> None:
        """One transaction for the batch; if an event fails, the batch again, event by event in savepoints."""
        received, letters = self._read(records)
        try:
            await self._apply_together(received, letters, now)
        except Exception as error:
            if is_transient(error):
                raise
            telemetry.log().warning("batch falls back to one event at a time", error=telemetry.describe(error))
            await self._apply_one_by_one(received, letters, now)

    def _read(self, records: list[Any]) -> tuple[list[tuple[Any, Received]], list[Letter]]:
        received: list[tuple[Any, Received]] = []
        letters: list[Letter] = []
        for record in records:
            try:
                one = from_record(
                    topic=record.topic, key=record.key, headers=record.headers, value=record.value, wanted=self._wanted
                )
            except Unreadable as error:
                letters.append(Letter(record, "unreadable", str(error)))
                continue
            if one is None:
                telemetry.CONSUMED.labels("other", "ignored").inc()
                continue
            received.append((record, one))
        return received, letters

    async def _apply_together(self, received: list[tuple[Any, Received]], letters: list[Letter], now: datetime) -> None:
        async with self._database.transaction() as unit:
            fresh, parked = await self._claim(unit, received, letters)
            for wave in _waves([one for _, one in fresh]):
                await self._handle(unit, wave, now)
            if self._observe is not None and fresh:
                await self._observe(unit, [one for _, one in fresh], now)
            await dead_letters.write(unit, self._group, letters + parked, now)

    async def _apply_one_by_one(self, received: list[tuple[Any, Received]], letters: list[Letter], now: datetime) -> None:
        async with self._database.transaction() as unit:
            fresh, parked = await self._claim(unit, received, letters)
            failed: list[Letter] = []
            dead_keys: set[tuple[str, str]] = set()
            for record, one in fresh:
                if (one.topic, one.key) in dead_keys:
                    failed.append(Letter(record, "parked", "an earlier event of this key failed", one))
                elif letter := await self._try(unit, record, one, now):
                    failed.append(letter)
                    if letter.reason == "failed":
                        dead_keys.add((one.topic, one.key))
            await dead_letters.write(unit, self._group, letters + parked + failed, now)

    async def _claim(
        self, unit: Transaction, received: list[tuple[Any, Received]], letters: list[Letter]
    ) -> tuple[list[tuple[Any, Received]], list[Letter]]:
        """What is fresh, in order and once, and what must follow its key to the dead letters."""
        claimed = await inbox.claim(unit, [one for _, one in received]) if received else {}
        fresh: list[tuple[Any, Received]] = []
        parked: list[Letter] = []
        for record, one in received:
            is_parked = claimed.pop((one.source, one.id), None)
            result = {None: "duplicate", True: "parked", False: "applied"}[is_parked]
            telemetry.CONSUMED.labels(one.event.TYPE, result).inc()
            if is_parked:
                parked.append(Letter(record, "parked", "an earlier event of this key failed", one))
            elif is_parked is False:
                fresh.append((record, one))
        return fresh, parked

    async def _try(self, unit: Transaction, record: Any, one: Received, now: datetime) -> Letter | None:
        """Handle one event in a savepoint; a deterministic failure is a letter, a transient one is raised."""
        error: Exception | None = None
        for _ in range(FAST_TRIES):
            try:
                async with unit.savepoint():
                    await self._handle(unit, [one], now)
                    if self._observe is not None:
                        await self._observe(unit, [one], now)
                return None
            except Refused as refusal:
                return Letter(record, "refused", str(refusal), one)
            except Exception as problem:
                if is_transient(problem):
                    raise
                error = problem
                await asyncio.sleep(0)  # a pause here would hold the transaction once per bad event
        failed = telemetry.describe(error) if error else "unknown"
        telemetry.log().error("event failed", id=one.id, key=one.key, type=one.event.TYPE, error=failed)
        reason = "refused" if one.topic == CRM else "failed"  # a CRM's outcomes have no order to keep: nothing is parked
        return Letter(record, reason, repr(error), one, FAST_TRIES)

    async def _handle(self, unit: Transaction, received: list[Received], now: datetime) -> None:
        """Call each type's handler with its events."""
        by_type: dict[type[Event], list[Received]] = {}
        for one in received:
            by_type.setdefault(type(one.event), []).append(one)
        for kind, ones in by_type.items():
            handler = self._handlers.get(kind)
            if handler is not None:
                telemetry.go_on_with({one.key: one.traceparent for one in ones})
                await handler(unit, ones, now)
                for one in ones:
                    if one.at is not None and one.at.tzinfo is not None:
                        telemetry.EVENT_AGE.observe(max(0.0, (now - one.at).total_seconds()))


def _waves(received: list[Received]) -> list[list[Received]]:
    """Split a batch so that no wave holds a key twice: waves in turn keep each key's order, and stay large."""
    depth: dict[str, int] = {}
    waves: list[list[Received]] = []
    for one in received:
        level = depth.get(one.key, 0)
        depth[one.key] = level + 1
        if level == len(waves):
            waves.append([])
        waves[level].append(one)
    return waves


async def _stop(consumer: AIOKafkaConsumer) -> None:
    try:
        async with asyncio.timeout(10):
            await consumer.stop()
    except Exception as error:
        telemetry.log().info("consumer gave up", error=repr(error)[:200])
