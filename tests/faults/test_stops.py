"""Stops that are asked for, processes and a broker that freeze, and 200 senders who never notice that Kafka is away."""

import asyncio
import signal
import time
from collections import Counter

import asyncpg
import pytest

from deploy.local.system import System
from shared.events import INTAKE
from tests.bench.load import Crowd, percentile
from tests.faults.load import Load, check
from tests.support import read_topic, until


@pytest.mark.timeout(600)
async def test_a_stop_in_the_middle_of_a_batch_loses_nothing_and_does_nothing_twice(system: System) -> None:
    load = Load(system)
    running = asyncio.create_task(load.run(60))
    try:
        for name in ("handoff", "intake", "handoff"):
            await asyncio.sleep(0.7)
            code, last = await system.parts[name].stop(), system.parts[name].tail(3)
            system.start_service(name)  # before anything is judged: other tests go on with this system
            await system.until_ready(name)
            assert code in (0, -signal.SIGTERM)  # uvicorn passes the signal on when all is done
            assert '"stopped"' in last
    finally:
        load.stop()
        await running
    await check(system, load.answered)


@pytest.mark.timeout(600)
async def test_a_broker_and_a_replica_that_freeze_go_on_where_they_were(system: System) -> None:
    load = Load(system)
    running = asyncio.create_task(load.run(20))
    try:
        for frozen in (system.kafka.process, system.parts["handoff"]):
            await asyncio.sleep(1)
            frozen.pause()
            await asyncio.sleep(6)  # longer than a transaction may idle: the server ends it, and its locks
            frozen.resume()
    finally:
        load.stop()
        await running
    assert load.slowest < 5
    await check(system, load.answered)


@pytest.mark.timeout(600)
async def test_two_hundred_senders_are_answered_as_before_while_the_broker_is_away(system: System) -> None:
    before, during = Crowd(system.ports.intake, 200), Crowd(system.ports.intake, 200)
    await before.run(3)
    await system.kafka.stop()
    await during.run(6)
    assert len(during.sent) >= 200 * 3  # each answer was a 202, or the measurement would have failed
    assert percentile(during.took, 0.99) < max(1.0, 3 * percentile(before.took, 0.99))
    await stop_and_start(system)
    await system.kafka.start()
    back = time.monotonic()
    connection = await asyncpg.connect(system.postgres.url("intake"))
    query = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM submission WHERE state = 'waiting')"

    async def published() -> bool:
        return not await connection.fetchval(query)

    try:
        await until(published, seconds=20, what="an empty outbox")
    finally:
        await connection.close()
    print(f"{len(during.sent)} answered without a broker, all on the topic {time.monotonic() - back:.1f} s after its return")
    records = await asyncio.to_thread(read_topic, system.kafka.address, INTAKE)
    told = {one.id: one for one in records if one.key in set(during.sent)}
    kinds: dict[str, list[str]] = {}
    for one in told.values():
        kinds.setdefault(one.key, []).append(one.type)
    assert Counter(map(tuple, kinds.values())) == {("lead.opened", "lead.qualified"): len(during.sent)}
    await check(system, set(during.sent))


async def stop_and_start(system: System) -> None:
    """With a broker that is away and events that wait for it, a stop still ends, and soon."""
    for name in ("intake", "handoff"):
        began = time.monotonic()
        code = await system.parts[name].stop()
        system.start_service(name)
        await system.until_ready(name)
        assert (code in (0, -signal.SIGTERM), time.monotonic() - began < 25) == (True, True)
