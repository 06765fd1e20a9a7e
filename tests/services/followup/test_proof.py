"""After a restore from backup nothing is sent that was sent before; and what is told apart is found."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local.postgres import Postgres
from deploy.local.system import System
from services.followup import store
from services.followup.scheduler.fence import Fence
from services.followup.settings import Settings
from services.followup.use_cases.consent import unsubscribe
from shared import events
from shared.database import Database
from shared.envelope import Received
from shared.kafka import connection, make_producer
from shared.relay import Relay
from tests.services.followup.sending import (
    ADDRESSES,
    Recording,
    add_clients,
    add_touches,
    loop_over,
    running,
    settled,
    states,
    told,
)
from tests.services.followup.test_commands import typed


def pg(postgres: Postgres, name: str, *arguments: str) -> None:
    subprocess.run([postgres.binaries / name, *arguments], check=True, capture_output=True)


@pytest.fixture
def settings(system: System) -> Settings:
    return Settings(kafka_bootstrap_servers=system.environment["KAFKA_BOOTSTRAP_SERVERS"])


async def publish(settings: Settings, database: Database) -> None:
    """What the relay does until the outbox is empty."""
    relay = Relay(settings, database)
    task = asyncio.create_task(relay.run())
    for _ in range(400):
        async with database.reading() as unit:
            if not await unit.value("SELECT count(*) FROM outbox"):
                break
        await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await relay.stop()


async def stop_mails(database: Database, client_id: UUID) -> None:
    async with database.transaction() as unit:
        client = await store.clients.lock(unit, client_id)
        await unsubscribe(unit, ADDRESSES, client, "email", datetime.now(UTC))


async def refusals(database: Database, client_id: UUID) -> tuple[int, int]:
    """What this client said, and what is suppressed: the topic has the words of other tests' clients too."""
    query = "SELECT (SELECT count(*) FROM consent_event WHERE client_id = $1) AS said, (SELECT count(*) FROM suppression) AS kept"
    async with database.reading() as unit:
        row = await unit.row(query, client_id)
    return row["said"], row["kept"]


async def test_a_restored_backup_writes_to_nobody_twice_nor_after_their_stop(
    followup_database: Database, postgres: Postgres, settings: Settings, tmp_path: Path
) -> None:
    channel, dump = Recording(), tmp_path / "backup.dump"
    clients = await add_clients(followup_database, 12)
    await add_touches(followup_database, clients)
    pg(postgres, "pg_dump", "--format=custom", f"--file={dump}", followup_database.url)
    fence = Fence(settings, followup_database, ADDRESSES)
    await fence.catch_up()
    async with running(loop_over(followup_database, channel)):
        await settled(followup_database)
    await stop_mails(followup_database, clients[0])
    await publish(settings, followup_database)
    assert len(channel.sent) == 12
    before = await refusals(followup_database, clients[0])
    await fence.catch_up()
    assert await refusals(followup_database, clients[0]) == before == (4, 4)  # our own words are no news to us

    await followup_database.close()
    admin = await asyncpg.connect(postgres.url("postgres"))
    name, owner = followup_database.url.rsplit("/", 1)[1], "template_followup"
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.execute(f"CREATE DATABASE {name} OWNER {owner}")
    await admin.close()
    pg(postgres, "pg_restore", f"--dbname={followup_database.url}", "--no-owner", str(dump))
    await followup_database.open()
    assert await states(followup_database) == {("planned", None): 12}
    assert await refusals(followup_database, clients[0]) == (0, 0)

    fence = Fence(settings, followup_database, ADDRESSES)
    loop = loop_over(followup_database, channel)
    loop.may_send = fence.may_send
    async with running(loop):
        await asyncio.sleep(1.0)
        assert len(channel.sent) == 12  # fenced: the journal is behind its topic
        assert await fence.catch_up() >= 12
        fence.is_open = True
        await asyncio.sleep(1.0)
    assert len(channel.sent) == 12
    assert await states(followup_database) == {("sent", None): 12}
    assert await refusals(followup_database, clients[0]) == before
    assert await fence.catch_up() == 0  # the next start has nothing to read


async def test_nothing_is_sent_until_what_was_said_meanwhile_is_read(
    followup_database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def catch_up(_: Fence) -> int:
        return 0

    monkeypatch.setattr(Fence, "catch_up", catch_up)
    monkeypatch.setattr(import_module("services.followup.adapters.topic"), "LOOK_SECONDS", 0.05)
    topic = group = f"said-{uuid4()}"
    said = TopicPartition(topic, 0)  # the other partition stays empty
    admin, producer = AIOKafkaAdminClient(**connection(settings)), make_producer(settings)
    reader = AIOKafkaConsumer(**connection(settings), group_id=group, enable_auto_commit=False)
    fence, fresh = (Fence(settings, followup_database, ADDRESSES, group, (topic,)) for _ in range(2))
    try:
        for client in (admin, producer, reader):
            await client.start()
        await admin.create_topics([NewTopic(topic, 2, 1)])
        await asyncio.wait_for(opened(fresh), 10)  # a topic without a record is read, by whoever never committed
        await producer.send_and_wait(topic, b"stop", partition=0)
        opening = asyncio.create_task(opened(fence))
        await asyncio.sleep(0.3)
        assert not fence.is_open
        reader.assign([said])
        await reader.commit({said: 1})
        await asyncio.wait_for(opening, 10)
    finally:
        await asyncio.gather(reader.stop(), producer.stop(), admin.close())


async def opened(fence: Fence) -> None:
    running = asyncio.create_task(fence.run())
    while not fence.is_open:
        await asyncio.sleep(0.02)
    running.cancel()


async def test_a_restored_backup_prints_no_letter_twice(
    followup_database: Database, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", settings.kafka_bootstrap_servers)
    await add_touches(followup_database, await add_clients(followup_database, 1, address="1 Elm St"), channel="post")
    assert (await typed(followup_database, tmp_path, "letters", "print", "--out", str(tmp_path / "one.pdf")))[0] == 0
    await publish(settings, followup_database)
    async with followup_database.transaction() as unit:  # as the backup was
        await unit.execute("DELETE FROM sent")
        await unit.execute("DELETE FROM attempt")
        await unit.execute("UPDATE touch SET state = 'planned', attempt = 0, lease_until = NULL, settled_at = NULL")
    again = await typed(followup_database, tmp_path, "letters", "print", "--out", str(tmp_path / "two.pdf"))
    assert again[1].endswith("No letter is due.\n"), again
    assert await states(followup_database) == {("sent", None): 1}


async def test_rows_that_contradict_the_journal_are_found(followup_database: Database) -> None:
    await add_touches(followup_database, await add_clients(followup_database, 3))
    async with running(loop_over(followup_database, Recording())):
        await settled(followup_database)
    async with followup_database.transaction() as unit:
        assert [count for _, count in await store.proof.contradictions(unit)] == [0, 0, 0]
        await unit.execute("UPDATE touch SET state = 'planned', due_at = now() + interval '1 year'")
        await unit.execute("DELETE FROM attempt")
        assert [count for _, count in await store.proof.contradictions(unit)] == [0, 3, 3]
        await unit.execute("UPDATE touch SET state = 'sent'")
        await unit.execute("DELETE FROM sent")
        assert [count for _, count in await store.proof.contradictions(unit)] == [3, 0, 0]


async def test_what_goes_out_while_the_audit_reads_is_no_difference(
    followup_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read_to_end(*_: object) -> AsyncIterator[tuple[list[Received], dict[int, int]]]:
        await add_touches(followup_database, await add_clients(followup_database, 2))
        async with running(loop_over(followup_database, Recording())):
            await settled(followup_database)
        sent = [events.TouchSent.model_validate(one) for one in await told(followup_database) if one.pop("type") == "touch.sent"]
        yield [Received("test", "", str(one.touch_id), "/followup", one, one.at, None) for one in sent], {}

    audit = import_module("services.followup.cli.audit")
    monkeypatch.setattr(audit, "read_to_end", read_to_end)
    since = datetime.now(UTC) - timedelta(days=1)
    settings = Settings(database_url=followup_database.url)
    assert await audit._compare(settings, since, None) == []
    async with followup_database.transaction() as unit:
        await unit.execute("DELETE FROM sent")
    assert "2 touches on followup.touches.v1 are not in the journal" in "".join(await audit._compare(settings, since, None))
    async with followup_database.reading() as unit:
        journaled = [row["message_id"] for row in await unit.fetch("SELECT message_id FROM sent")]
    found = "".join(await audit._compare(settings, since, [*journaled[:1] * 2, "<x@y>"]))
    assert f"1 journaled mails are not in the relay's log, for example {journaled[1]}." in found
    assert f"1 mails were taken by the relay more than once, for example {journaled[0]}." in found
