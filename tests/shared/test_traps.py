"""The traps of Kafka and Postgres that were stepped into once: each has a test that would tell."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import IllegalStateError

from deploy.local.system import System
from shared import inbox
from shared.consumer import Consumer
from shared.database import Database
from shared.envelope import Received
from shared.events import INTAKE, LeadMerged
from shared.kafka import make_consumer, make_producer
from shared.relay import Relay
from shared.settings import LocalSettings
from shared.topics import DAY, all_topics, create_topics

LEAD = "01a20dc7-5a75-70ac-a800-894d64175f28"
PLACE = TopicPartition(INTAKE, 0)


class Committing:
    """What of aiokafka's consumer commits."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[Any] = []
        self._error = error

    async def commit(self, offsets: Any = None) -> None:
        self.asked.append(offsets)
        if self._error is not None:
            raise self._error


async def test_only_what_is_finished_is_committed_and_a_lost_partition_is_no_error(database: Database) -> None:
    consumer = Consumer(LocalSettings(), database, group="g", topics=[INTAKE], handlers={})
    for kafka in (Committing(), Committing(IllegalStateError("Partition is not assigned"))):
        consumer._consumer, consumer._finished = kafka, {PLACE: 7}
        await consumer._commit()
        assert kafka.asked == [{PLACE: 7}]  # never without offsets: that would commit what was only polled


class Idle(Committing):
    """A consumer of aiokafka whose partitions rest."""

    def assignment(self) -> frozenset[Any]:
        return frozenset()

    def pause(self, *places: Any) -> None:
        pass

    resume = pause

    async def getmany(self, timeout_ms: int) -> dict[Any, Any]:
        return {}


async def test_what_is_not_in_the_database_is_not_committed_to_kafka(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    consumer, kafka = Consumer(LocalSettings(), database, group="g", topics=[INTAKE], handlers={}), Idle()

    async def away(records: Any, now: Any) -> None:
        raise OSError("the database is away")

    monkeypatch.setattr(consumer, "apply", away)
    consumer._consumer = kafka
    waiting = asyncio.create_task(consumer._apply_or_wait([object()], {PLACE: 7}))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    await consumer._commit()
    assert kafka.asked == []
    waiting.cancel()


async def test_a_consumer_starts_at_the_oldest_record_with_one_assignor_and_a_producer_is_not_idempotent() -> None:
    consumer = make_consumer(LocalSettings(), group="g")
    assert consumer._auto_offset_reset == "earliest"
    assert consumer._partition_assignment_strategy == (RoundRobinPartitionAssignor,)
    assert consumer._enable_auto_commit is False
    assert consumer._session_timeout_ms == 10_000
    await consumer.stop()
    producer = make_producer(LocalSettings())
    assert producer._sender._txn_manager is None
    await producer.stop()


class Batch:
    """A batch that takes three records."""

    def __init__(self) -> None:
        self.records: list[bytes] = []

    def append(self, *, key: Any, value: bytes, timestamp: Any, headers: Any) -> Any:
        if len(self.records) == 3:
            return None
        self.records.append(value)
        return True


class Refusing:
    """A producer whose first batch fails."""

    def __init__(self) -> None:
        self.sent: list[list[bytes]] = []

    def create_batch(self) -> Batch:
        return Batch()

    async def partitions_for(self, topic: str) -> set[int]:
        return {0}

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> Any:
        self.sent.append(batch.records)
        failed = asyncio.get_running_loop().create_future()
        failed.set_exception(TimeoutError())
        return failed


async def test_nothing_of_a_partition_is_sent_after_its_batch_failed(database: Database) -> None:
    relay, producer = Relay(LocalSettings(), database), Refusing()
    relay._producer = producer  # type: ignore[assignment]
    rows = [{"seq": n, "topic": "t", "key": LEAD, "headers": {}, "payload": b"%d" % n} for n in range(10)]
    acked, failed = await relay._publish(rows)
    assert producer.sent == [[b"0", b"1", b"2"]]
    assert (acked, set(failed)) == ([], {0, 1, 2})


def received(name: str) -> Received:
    event = LeadMerged(lead_id=LEAD, person_id=LEAD, into=LEAD)
    return Received(INTAKE, LEAD, name, "/test", event, None, None)


async def test_two_members_that_claim_the_same_events_in_other_orders_do_not_deadlock(database: Database) -> None:
    events = [received(f"{n:04}") for n in range(400)]
    ready = asyncio.Barrier(2)

    async def claim(mine: list[Received]) -> int:
        async with database.transaction() as unit:
            await ready.wait()
            return len(await inbox.claim(unit, mine))

    counts = await asyncio.gather(claim(events), claim(events[::-1]))
    assert sorted(counts) == [0, 400]  # the one inside its transaction made the other wait, and skip


async def test_the_inbox_remembers_longer_than_any_topic_and_letter(database: Database) -> None:
    assert max(all_topics().values()) + DAY < inbox.KEPT.total_seconds() * 1000  # a segment is a day
    now = datetime.now(UTC)
    async with database.transaction() as unit:
        await inbox.claim(unit, [received("young"), received("old")])
        await unit.execute("UPDATE inbox SET received_at = $1 WHERE event_id = 'old'", now - inbox.KEPT - timedelta(hours=1))
        await unit.execute("UPDATE inbox SET received_at = $1 WHERE event_id = 'young'", now - inbox.KEPT + timedelta(hours=1))
        assert await inbox.purge(unit, before=now - inbox.KEPT) == 1
        assert await inbox.claim(unit, [received("young")]) == {}


async def test_a_frozen_process_does_not_keep_its_locks(database: Database) -> None:
    for given, shown in (({}, "5s"), ({"idle_in_transaction": "15s"}, "15s")):
        opened = Database(database.url, name="test", size=1, **given)
        await opened.open()
        async with opened.reading() as unit:
            assert await unit.value("SHOW idle_in_transaction_session_timeout") == shown
        await opened.close()
    short = Database(database.url, name="test", size=1, idle_in_transaction="200ms")
    await short.open()

    async def freeze() -> None:
        async with short.transaction() as unit:
            await unit.execute("SELECT pg_advisory_xact_lock(1, 1)")
            await asyncio.sleep(1)
            await unit.execute("SELECT 1")

    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await freeze()
    await short.close()


async def test_the_number_of_partitions_is_never_changed_afterwards(system: System) -> None:
    address = system.kafka.address

    async def partitions() -> int:
        admin = AIOKafkaAdminClient(bootstrap_servers=address)
        await admin.start()
        try:
            return len((await admin.describe_topics([INTAKE]))[0]["partitions"])
        finally:
            await admin.close()

    before = await partitions()
    await create_topics(LocalSettings(kafka_bootstrap_servers=address, topic_partitions=before + 5))
    assert await partitions() == before
