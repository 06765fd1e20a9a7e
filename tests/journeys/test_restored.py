"""A database that came back from a backup: nothing that came since is missed, and nobody drops what it tells."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.local.errors import LocalError
from deploy.local.system import System
from shared.database import Database
from shared.events import INTAKE, LeadMerged
from shared.kafka import connection
from shared.outbox import emit
from shared.restored import count_above_all, read_again
from shared.settings import LocalSettings

NOW = datetime.now(UTC)


@pytest.mark.parametrize(("since", "where"), [(NOW - timedelta(days=1), "beginning"), (NOW + timedelta(days=1), "end")])
async def test_a_group_reads_again_from_a_moment_on(system: System, since: datetime, where: str) -> None:
    settings, group = LocalSettings(kafka_bootstrap_servers=system.kafka.address), f"restored-{uuid4()}"
    left = await read_again(settings, group, [INTAKE], since)
    consumer = AIOKafkaConsumer(**connection(settings), group_id=group)
    await consumer.start()
    try:
        places = [TopicPartition(INTAKE, number) for number in range(settings.topic_partitions)]
        ends = await consumer.end_offsets(places)
        starts = await consumer.beginning_offsets(places)
        expected = starts if where == "beginning" else ends
        assert {one: await consumer.committed(one) for one in places} == expected
        assert (left > 0) == (where == "beginning" and starts != ends)
    finally:
        await consumer.stop()


async def test_a_service_that_runs_is_not_moved(system: System) -> None:
    with pytest.raises(LocalError, match="handoff is still running: stop every replica first"):
        await system.run("-m", "services.handoff", "restored", "--since", "2026-11-28T00:00:00Z")


async def test_what_is_told_after_a_restore_has_numbers_above_all_told_before(handoff_database: Database) -> None:
    numbers = []
    for _ in range(2):
        async with handoff_database.transaction() as unit:
            lead = uuid4()
            await emit(unit, [LeadMerged(lead_id=lead, person_id=lead, into=uuid4())], topic=INTAKE, source="/intake", at=NOW)
            numbers.append(await unit.value("SELECT max(seq) FROM outbox"))
            raised = await count_above_all(unit)
    assert numbers[0] < NOW.timestamp() * 1_000_000 < raised
    assert numbers[1] > numbers[0]
    assert len(str(raised)) <= 19
