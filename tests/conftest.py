"""One real system for all tests: Kafka, Postgres, SMTP and the three services as processes; and databases alone."""

import importlib
import itertools
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import hypothesis
import pytest

from deploy.local.errors import LocalError
from deploy.local.ports import Ports, free_ports
from deploy.local.postgres import Postgres, remove_data
from deploy.local.system import NOTHING_OF_YOURS, System
from shared.database import Database
from tests.support import in_thread

# The same examples every time: a change is judged by what it changed. Other ones: HYPOTHESIS_PROFILE=search.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
hypothesis.settings.register_profile("search", deadline=None, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture(scope="session")
async def system() -> AsyncIterator[System]:
    with tempfile.TemporaryDirectory(prefix="lead-handoff-") as place:
        folder = Path(place)
        doubts_end_soon = {"FOLLOWUP_LEASE_SECONDS": "30", "FOLLOWUP_SETTLE_SECONDS": "5"}
        environment = NOTHING_OF_YOURS | {"HANDOFF_SEED_OWNER": "false"} | doubts_end_soon
        try:
            async with System(folder, Ports.free(), environment=environment) as running:
                reps = folder / "reps.csv"
                reps.write_text("name,email\n" + "".join(f"{name},{name}@maple.example\n" for name in ("Rosa", "Sam", "Tina")))
                await running.run("-m", "services.handoff", "reps", "import", str(reps))
                yield running
        except LocalError as error:
            pytest.exit(str(error), returncode=3)
        finally:
            remove_data(folder / "postgres")


@pytest.fixture
async def http(system: System) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=20, headers={"Authorization": f"Bearer {system.api_key}"}) as client:
        yield client


@pytest.fixture(scope="session")
async def postgres() -> AsyncIterator[Postgres]:
    """A real Postgres alone, ready in half a second: for tests that need no Kafka."""
    with tempfile.TemporaryDirectory(prefix="lead-handoff-db-") as place:
        no_waiting = ("-c", "fsync=off", "-c", "full_page_writes=off")  # nobody pulls the plug on these databases
        server = Postgres(Path(place) / "postgres", free_ports(1)[0], options=no_waiting)
        try:
            await server.start()
            yield server
        except LocalError as error:
            pytest.exit(str(error), returncode=3)
        finally:
            await server.kill()  # what hundreds of databases hold need not be written down
            remove_data(Path(place) / "postgres")


@pytest.fixture(scope="session")
async def new_database(postgres: Postgres) -> Callable[[str], Awaitable[str]]:
    """Makes a fresh database with a service's tables and returns its address; migrated once, then copied."""
    numbers, templates = itertools.count(1), set[str]()

    async def make(service: str) -> str:
        template = f"template_{service}"
        if template not in templates:
            url = await postgres.ensure_database(template)
            await in_thread(importlib.import_module(f"services.{service}.main").MIGRATIONS.upgrade, url)
            if service == "intake":  # the only one whose migrations write rows
                await _execute(url, "CREATE SCHEMA new; CREATE TABLE new.form AS TABLE form")
            templates.add(template)
        name = f"{service}_{next(numbers)}"
        connection = await asyncpg.connect(postgres.url("postgres"))
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {template} STRATEGY FILE_COPY")
        await connection.close()
        return postgres.url(template).rsplit("/", 1)[0] + f"/{name}"

    return make


@pytest.fixture(scope="session")
async def free_databases() -> AsyncIterator[dict[str, list[Database]]]:
    """Used ones that are as new, by service, and open: another is made only where none is left, for each is 300 files."""
    free: dict[str, list[Database]] = {}
    yield free
    for one in itertools.chain.from_iterable(free.values()):
        await one.close()


async def _execute(url: str, statements: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statements)
    await connection.close()


async def _opened(
    service: str, make: Callable[[str], Awaitable[str]], free: dict[str, list[Database]]
) -> AsyncIterator[Database]:
    ready = free.setdefault(service, [])
    if ready:
        database = ready.pop()
    else:
        database = Database(await make(service), name="test", size=5)
        await database.open()
    wakes_nobody = database.on_commit
    yield database
    database.on_commit = wakes_nobody
    try:
        as_new = await _made_new(service, database)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):  # the test ended its sessions
        as_new = False
    if as_new:
        ready.append(database)
    else:
        await database.close()


async def _made_new(service: str, database: Database) -> bool:
    """False where something else of the test is still connected: then nobody else gets this database."""
    async with database.reading() as unit:
        there = await unit.value("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        if there > database._pool.get_size():
            return False
        tables = reversed(importlib.import_module(f"services.{service}.main").MIGRATIONS.metadata.sorted_tables)
        changes = [f"DELETE FROM {table.name}" for table in tables]
        changes += ["INSERT INTO form TABLE new.form"] if service == "intake" else []
        await unit.execute("; ".join(changes))
    async with AsyncExitStack() as held:
        sessions = [await held.enter_async_context(database._pool.acquire()) for _ in range(database._pool.get_idle_size())]
        for one in sessions:  # a plan that was made for this test's few rows must not serve the next one's many
            await one.execute("DISCARD PLANS")
    return True


@pytest.fixture
async def intake_database(new_database: Any, free_databases: dict[str, list[Database]]) -> AsyncIterator[Database]:
    async for database in _opened("intake", new_database, free_databases):
        yield database


@pytest.fixture
async def handoff_database(new_database: Any, free_databases: dict[str, list[Database]]) -> AsyncIterator[Database]:
    async for database in _opened("handoff", new_database, free_databases):
        yield database


@pytest.fixture
async def followup_database(new_database: Any, free_databases: dict[str, list[Database]]) -> AsyncIterator[Database]:
    async for database in _opened("followup", new_database, free_databases):
        yield database


@pytest.fixture
async def database(intake_database: Database) -> Database:
    """A fresh database for tests of the core, which is the same in every service."""
    return intake_database
