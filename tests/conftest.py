"""One real system for all tests: Kafka, Postgres, SMTP and the three services as processes."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from deploy.local.errors import LocalError
from deploy.local.ports import Ports
from deploy.local.postgres import remove_data
from deploy.local.system import System
from shared.database import Database


@pytest.fixture(scope="session")
async def system() -> AsyncIterator[System]:
    with tempfile.TemporaryDirectory(prefix="lead-handoff-") as place:
        folder = Path(place)
        environment = {"HANDOFF_SEED_OWNER": "false", "FOLLOWUP_LEASE_SECONDS": "30"}
        try:
            async with System(folder, Ports.free(), environment=environment) as running:
                for name in ("Rosa", "Sam", "Tina"):
                    await running.run("-m", "services.handoff", "reps", "add", name, "--email", f"{name}@maple.example")
                yield running
        except LocalError as error:
            pytest.exit(str(error), returncode=3)
        finally:
            remove_data(folder / "postgres")


@pytest.fixture
async def http(system: System) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=20, headers={"Authorization": f"Bearer {system.api_key}"}) as client:
        yield client


@pytest.fixture
async def database(system: System, request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    """A fresh database on the same server, with intake's tables: for tests of the core."""
    name = "t" + "".join(filter(str.isalnum, request.node.name.lower()))[:40]
    url = await system.postgres.ensure_database(name)
    from services.intake.main import MIGRATIONS
    from tests.support import in_thread

    await in_thread(MIGRATIONS.upgrade, url)
    database = Database(url, name="test", size=5)
    await database.open()
    yield database
    await database.close()
