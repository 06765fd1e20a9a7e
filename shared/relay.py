"""The relay: publishes outbox rows in order, at least once, and deletes them when Kafka has acknowledged them.

One task a process. A blocking advisory lock per shard orders the replicas; SKIP LOCKED would reorder. Why this keeps
order even with a frozen replica: docs/decisions/0001-outbox.md.
"""

import asyncio
import random
import time
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidMessageError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)
from aiokafka.partitioner import DefaultPartitioner

from shared import telemetry
from shared.database import Database, Transaction
from shared.kafka import make_producer
from shared.outbox import SHARDS
from shared.settings import LocalSettings

BATCH = 500
ACK_SECONDS = 12  # above the producer's request timeout, below the pool's idle_in_transaction_session_timeout of 15 s
NAMESPACE = 0x1EAD
POISON = (MessageSizeTooLargeError, InvalidMessageError, RecordListTooLargeError)
# Rows of a key whose earlier row the broker refused for good wait behind it; the table is nearly always empty.
SELECT = """
SELECT seq, topic, key, headers, payload FROM outbox o WHERE shard = ANY($1::smallint[])
AND NOT EXISTS (SELECT 1 FROM outbox_dead d WHERE d.topic = o.topic AND d.key = o.key)
ORDER BY seq LIMIT $2"""

BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '5s'; SET LOCAL synchronous_commit = off;"
BURY = """
WITH gone AS (DELETE FROM outbox WHERE seq = $1 RETURNING *)
INSERT INTO outbox_dead (seq, shard, topic, key, headers, payload, created_at, reason)
SELECT seq, shard, topic, key, headers, payload, created_at, $2 FROM gone RETURNING topic, key"""


class Relay:
    """Wakes after each commit, and once a second for what another replica left behind."""

    def __init__(self, settings: LocalSettings, database: Database) -> None:
        self._settings, self._database = settings, database
        self._producer: AIOKafkaProducer | None = None
        self._woken: set[int] = set()
        self._wake = asyncio.Event()
        self._one_by_one = False
        self._partitioner = DefaultPartitioner()

    def wake(self, shards: Iterable[int]) -> None:
        self._woken.update(shards)
        self._wake.set()

    async def run(self) -> None:
        """Publish for ever; a failure waits and tries again from the oldest row."""
        backoff, swept_at = 0.1, 0.0
        while True:
            try:
                if self._producer is None:
                    await self._start_producer()
                if time.monotonic() - swept_at >= 1.0:
                    shards, swept_at = list(range(SHARDS)), time.monotonic()
                else:
                    shards = sorted(self._woken)
                self._woken.clear()
                self._wake.clear()
                full = bool(shards) and await self.drain(shards)
                if full:
                    self._woken.update(shards)
                    continue
                backoff = 0.1
                await self._wait(1.0 + random.random() * 0.1)  # noqa: S311  jitter
            except Exception as error:
                telemetry.OUTBOX_ERRORS.inc()
                telemetry.log().warning("relay waits", error=repr(error)[:300], seconds=round(backoff, 1))
                await asyncio.sleep(backoff * (0.5 + random.random() / 2))  # noqa: S311  jitter
                backoff = min(backoff * 2, 1.0)  # what waits here is on its topic soon after the broker's return
                swept_at = 0.0

    async def stop(self) -> None:
        """One last drain, then give the producer up; both bounded, for the broker may be away."""
        try:
            async with asyncio.timeout(5):
                while self._producer is not None and await self.drain(list(range(SHARDS))):
                    pass
        except Exception as error:
            telemetry.log().info("relay left rows for the next start", error=repr(error)[:200])
        await self._stop_producer()

    async def drain(self, shards: list[int]) -> bool:
        """Publish one batch of these shards. Returns whether there may be more."""
        started = time.monotonic()
        async with self._database.statement() as unit:
            try:
                # The locks are their own statements: the SELECT's snapshot must not be older than they are.
                locks = "".join(f"SELECT pg_advisory_xact_lock({NAMESPACE}, {shard});" for shard in shards)
                await unit.execute(f"{BEGIN} {locks}")  # one round trip, as the DELETE and COMMIT are
                rows = await unit.fetch(SELECT, shards, BATCH)
                if not rows:
                    await unit.execute("COMMIT")
                    return False
                async with asyncio.timeout(ACK_SECONDS):
                    acked, failed = await self._publish(rows)
                poison = {seq: error for seq, error in failed.items() if isinstance(error, POISON)}
                if self._one_by_one:
                    for seq, error in poison.items():
                        await _bury(unit, seq, error)
                numbers = ",".join(map(str, acked)) or "NULL"
                await unit.execute(f"DELETE FROM outbox WHERE seq IN ({numbers}); COMMIT")  # noqa: S608
            except BaseException:
                await unit.roll_back()
                raise
        self._one_by_one = bool(poison) and not self._one_by_one
        if others := [error for seq, error in failed.items() if seq not in poison]:
            raise others[0]
        telemetry.OUTBOX_DRAIN.observe(time.monotonic() - started)
        return len(rows) == BATCH or len(acked) < len(rows)

    async def _publish(self, rows: list[Any]) -> tuple[list[int], dict[int, BaseException]]:
        """Send at most one batch per partition, so that nothing overtakes a batch that failed."""
        assert self._producer is not None  # noqa: S101  run() started it
        batches: dict[tuple[str, int], tuple[Any, list[int]]] = {}
        full: set[tuple[str, int]] = set()
        for row in rows:
            place = row["topic"], await self._partition(row["topic"], row["key"])
            if place in full:
                continue
            if place not in batches:
                batches[place] = self._producer.create_batch(), []
            builder, sequence = batches[place]
            headers = [(name, value.encode()) for name, value in row["headers"].items()]
            if not row["topic"].endswith(".dlq"):
                headers.append(("ce_sequence", b"%019d" % row["seq"]))
            key = row["key"].encode() or None
            if builder.append(key=key, value=row["payload"], timestamp=None, headers=headers) is None:
                full.add(place)
                continue
            sequence.append(row["seq"])
            if self._one_by_one:
                full.add(place)
        return await self._send(batches)

    async def _send(self, batches: dict[tuple[str, int], tuple[Any, list[int]]]) -> tuple[list[int], dict[int, BaseException]]:
        assert self._producer is not None  # noqa: S101
        sent = [
            await self._producer.send_batch(builder, topic, partition=partition)
            for (topic, partition), (builder, _) in batches.items()
        ]
        results = await asyncio.gather(*sent, return_exceptions=True)
        acked: list[int] = []
        failed: dict[int, BaseException] = {}
        for ((topic, _), (_, sequence)), result in zip(batches.items(), results, strict=True):
            if isinstance(result, BaseException):
                failed |= dict.fromkeys(sequence, result)
            else:
                acked.extend(sequence)
                telemetry.OUTBOX_PUBLISHED.labels(topic).inc(len(sequence))
        return acked, failed

    async def _partition(self, topic: str, key: str) -> int:
        assert self._producer is not None  # noqa: S101
        partitions = await self._producer.partitions_for(topic)
        if not partitions:
            raise KafkaError(f"the topic {topic} does not exist: run python -m shared.topics")
        everything = sorted(partitions)
        return int(self._partitioner(key.encode(), everything, everything))

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _start_producer(self) -> None:
        producer = make_producer(self._settings)
        try:
            async with asyncio.timeout(15):
                await producer.start()
        except BaseException:
            await _give_up(producer)
            raise
        self._producer = producer

    async def _stop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await _give_up(producer)


async def _bury(unit: Transaction, seq: int, error: BaseException) -> None:
    """Sent alone and refused for good: set the row aside; later rows of its key wait behind it."""
    row = await unit.row(BURY, seq, repr(error)[:500])
    if row is not None:
        telemetry.OUTBOX_DEAD.labels(row["topic"]).inc()
        telemetry.log().error("the broker refuses an event for good", key=row["key"], topic=row["topic"])


async def _give_up(producer: AIOKafkaProducer) -> None:
    try:
        async with asyncio.timeout(10):
            await producer.stop()
    except Exception as error:
        telemetry.log().info("producer gave up", error=repr(error)[:200])
