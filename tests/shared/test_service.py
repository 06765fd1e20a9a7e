"""A process that cannot do its work says so and ends: a background task that died, a consumer that no longer polls."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import Request, Response

from deploy.local.ports import free_ports
from services.intake.main import MIGRATIONS
from services.intake.settings import Settings
from shared import service, telemetry
from shared.consumer import Consumer
from shared.database import Database
from shared.http import ReadyJson, serve_directly
from shared.service import Service
from shared.settings import ROOT, LocalSettings
from tests.support import in_thread, until

DIES = """
import asyncio, sys
from services.intake.main import MIGRATIONS
from services.intake.settings import Settings
from shared.service import Service

async def dies():
    await asyncio.sleep(0.2)
    raise ValueError("the reason")

it = Service(Settings(), MIGRATIONS, title="t", description="d")
it.background["worker"] = dies
sys.exit(it.serve())
"""


@pytest.fixture
async def running(database: Database) -> AsyncIterator[Any]:
    """Starts a service in this process, with Kafka away."""
    opened: list[Any] = []

    async def start(it: Service) -> httpx.AsyncClient:
        lifespan = it.app.router.lifespan_context(it.app)
        await lifespan.__aenter__()
        opened.append(lifespan)
        return httpx.AsyncClient(transport=httpx.ASGITransport(it.app), base_url="http://test")

    yield start
    for lifespan in opened:
        await lifespan.__aexit__(None, None, None)


def made(database: Database) -> Service:
    settings = Settings(database_url=database.url, kafka_bootstrap_servers=f"127.0.0.1:{free_ports(1)[0]}")
    return Service(settings, MIGRATIONS, title="test", description="test")


async def test_a_direct_endpoint_answers_before_the_route_that_describes_it(database: Database) -> None:
    app = made(database).app

    @app.post("/v1/hot")
    async def described() -> None:
        raise AssertionError("the router was asked")

    async def hot(_: Request) -> Response:
        return ReadyJson(b"{}", 202)

    serve_directly(app, "/v1/hot", hot)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://maple.example") as client:
        assert (await client.post("/v1/hot")).status_code == 202
        assert (await client.get("/v1/hot")).status_code == 405


async def test_a_background_task_that_dies_is_what_health_says(database: Database, running: Any) -> None:
    async def dies() -> None:
        raise ValueError("the reason")

    it = made(database)
    it.background["worker"] = dies
    async with await running(it) as http:

        async def live() -> Any:
            answer = await http.get("/health/live")
            return answer if answer.status_code == 503 else None

        answer = await until(live, seconds=5, what="503")
        assert "worker failed" in answer.json()["status"]
        assert "the reason" in answer.json()["status"]
        assert (await http.get("/health/ready")).status_code == 503


def test_a_reason_repeats_no_row() -> None:
    row = asyncpg.UniqueViolationError("Key (email)=(ada@example.net) already exists.")
    assert telemetry.reason_of(row) == "UniqueViolationError"
    assert telemetry.reason_of(OSError("no route to host")) == "OSError('no route to host')"
    with pytest.raises(asyncpg.UniqueViolationError) as raised:
        raise row
    trace = telemetry.trace_of(raised.value)
    assert "test_service.py" in trace
    assert "ada" not in trace


async def test_a_background_task_that_dies_takes_the_process_down_with_its_reason(database: Database) -> None:
    environment = {
        "INTAKE_DATABASE_URL": database.url,
        "INTAKE_PORT": str(free_ports(1)[0]),
        "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_ports(1)[0]}",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-c", DIES]
    done = await in_thread(
        lambda: subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    )
    assert done.returncode == 1
    assert "the reason" in done.stdout
    assert '"task": "worker"' in done.stdout


class Stuck:
    """A consumer that was given partitions and stopped polling."""

    polled_at = time.monotonic() - 3600

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def stop(self) -> None:
        pass


async def test_a_consumer_that_no_longer_polls_is_found_by_the_watchdog(
    database: Database, running: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "WATCH_SECONDS", 0.1)
    it = made(database)
    it.consumer = Stuck()  # type: ignore[assignment]
    telemetry.ASSIGNED.set(0)
    async with await running(it):
        await asyncio.sleep(0.3)
        assert it.failure is None  # nothing is assigned: there is nothing to poll
        telemetry.ASSIGNED.set(3)

        async def failed() -> Any:
            return it.failure

        assert "has not polled" in await until(failed, seconds=5, what="the watchdog")
    telemetry.ASSIGNED.set(0)


async def test_who_never_reached_kafka_and_whose_database_answers_can_be_told_by_their_gauges(
    database: Database, running: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MEASURE_SECONDS", 0.05)
    telemetry.LAST_POLL.set(0)
    it, began = made(database), time.time()
    nowhere = LocalSettings(kafka_bootstrap_servers=f"127.0.0.1:{free_ports(1)[0]}")
    it.consumer = Consumer(nowhere, database, group="none", topics=["none"], handlers={})
    async with await running(it):

        async def told() -> bool:
            return min(telemetry.LAST_POLL._value.get(), telemetry.DATABASE_ANSWERED._value.get()) >= began

        await asyncio.sleep(0.2)
        telemetry.DATABASE_ANSWERED.set(0)  # as it was set at the start
        assert await until(told, seconds=5, what="both gauges")


async def test_a_task_that_swallows_a_cancellation_is_cancelled_again(database: Database) -> None:
    swallowed = asyncio.Event()

    async def deaf() -> None:
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if swallowed.is_set():
                    raise
                swallowed.set()

    it = made(database)
    it.background["worker"] = deaf
    async with asyncio.timeout(15), it.app.router.lifespan_context(it.app):
        await asyncio.sleep(0.1)
    assert swallowed.is_set()
