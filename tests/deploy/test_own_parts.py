"""A Kafka and databases of the user's own: used by address, nothing embedded beside them, and never migrated by a start."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from deploy.local.errors import LocalError
from deploy.local.kafka import Kafka
from deploy.local.ports import Ports, free_ports
from deploy.local.postgres import Postgres
from deploy.local.system import NOTHING_OF_YOURS, SERVICES, System
from shared.events import HANDOFF
from shared.settings import ROOT
from tests.support import in_thread, person, read_topic, until


@pytest.fixture
async def own_kafka(tmp_path: Path) -> AsyncIterator[Kafka]:
    cache = Path(os.environ.get("LOCAL_CACHE_DIR") or ROOT / ".local" / "cache")
    kafka = Kafka(tmp_path / "own-kafka", free_ports(1)[0], cache=cache)
    await kafka.start()
    yield kafka
    await kafka.stop()


async def test_the_users_own_kafka_and_databases_are_used(postgres: Postgres, own_kafka: Kafka, tmp_path: Path) -> None:
    urls = {name: await postgres.ensure_database(f"own_{name}") for name in SERVICES}
    addresses = {f"{name.upper()}_DATABASE_URL": url for name, url in urls.items()}
    environment = NOTHING_OF_YOURS | addresses | {"KAFKA_BOOTSTRAP_SERVERS": own_kafka.address}
    system = System(tmp_path / "local", Ports.free(), environment=environment)
    with pytest.raises(LocalError, match=r"run python -m services\.\w+ migrate: the tables are missing"):
        async with system:
            pass
    assert [await tables(url) for url in urls.values()] == [0, 0, 0]
    await asyncio.gather(*(system.run("-m", f"services.{name}", "migrate") for name in SERVICES))
    async with system, httpx.AsyncClient() as http:
        lead = (await http.post(f"{system.url('intake')}/v1/leads", json=person())).json()["lead_id"]

        async def offered() -> bool:
            return lead in {record.key for record in await in_thread(read_topic, own_kafka.address, HANDOFF)}

        await until(offered, what="the offer on the user's Kafka")
    assert not {"kafka", "postgres"} & {place.name for place in (tmp_path / "local").iterdir()}


async def test_a_database_that_is_away_is_told_in_a_sentence(own_kafka: Kafka, tmp_path: Path) -> None:
    away = {f"{name.upper()}_DATABASE_URL": "postgresql://nobody:x@127.0.0.1:1/none" for name in SERVICES}
    environment = NOTHING_OF_YOURS | away | {"KAFKA_BOOTSTRAP_SERVERS": own_kafka.address}
    with pytest.raises(LocalError, match=r"the database does not let us in .* see INTAKE_DATABASE_URL"):
        async with System(tmp_path / "local", Ports.free(), environment=environment, services=("intake",)):
            pass


async def tables(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"))
    finally:
        await connection.close()
