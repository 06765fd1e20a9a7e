"""Starting, supervising and stopping a service. A background task that dies takes the process down with its reason."""

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import asyncpg
import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from fastapi.telemetry import TelemetryConfig
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shared import http, telemetry
from shared.consumer import Consumer
from shared.database import Database
from shared.migrations import Migrations
from shared.patience import PatientProtocol, close_slow
from shared.relay import Relay
from shared.settings import ServiceSettings
from shared.stopping import end

Background = Callable[[], Coroutine[Any, Any, None]]
STALLED_AFTER, WATCH_SECONDS = 120.0, 10.0
MEASURE_SECONDS = 5
_OWN_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}  # ours is in shared/telemetry.py


class Service:
    """The parts every service has: pool, relay, perhaps a consumer, its own background tasks, and the HTTP app."""

    def __init__(self, settings: ServiceSettings, migrations: Migrations, *, title: str, description: str) -> None:
        self.settings, self.migrations = settings, migrations
        name = settings.service
        self.database = Database(settings.database_url, name=name, size=settings.database_pool)
        self._relay_database = Database(settings.database_url, name=f"{name}-relay", size=2, idle_in_transaction="15s")
        self.relay = Relay(settings, self._relay_database)
        self.database.on_commit = self.relay.wake
        self.consumer: Consumer | None = None
        self.background: dict[str, Background] = {}
        self.on_start: list[Callable[[], Awaitable[None]]] = []
        self.failure: str | None = None
        self.draining = False
        self._server: uvicorn.Server | None = None
        self._schema_ok = False
        self.app = FastAPI(title=title, description=description, version="1", lifespan=self._lifespan, telemetry=_OWN_TELEMETRY)
        http.install(self.app)
        self.body_limits: dict[str, int] = {}  # by the beginning of the path; elsewhere http.MAX_BODY
        self.app.add_middleware(http.Edge, limits=self.body_limits, direct=self.app.state.direct)
        self._add_health()

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        telemetry.configure_logs(self.settings.service, level=self.settings.log_level, form=self.settings.log_format)
        await self.database.open()
        await self._relay_database.open()
        for start in self.on_start:
            await start()
        tasks = [asyncio.create_task(self._supervised(name, work), name=name) for name, work in self._work().items()]
        telemetry.log().info("started")
        try:
            yield
        finally:
            await self._stop(tasks)
            telemetry.log().info("stopped", reason=self.failure or "asked to")

    def _work(self) -> dict[str, Background]:
        work: dict[str, Background] = {**self.background, "relay": self.relay.run, "outbox gauges": self._measure}
        if self.consumer is not None:
            work |= {"consumer": self.consumer.run, "watchdog": self._watch}
        return work

    async def _stop(self, tasks: list[asyncio.Task[None]]) -> None:
        """Stop polling, finish what is in hand, commit, drain the outbox, close. The relay goes last."""
        self.draining = True
        last = [task for task in tasks if task.get_name() == "relay"]
        first = [task for task in tasks if task not in last]
        for group, finish in ((first, self.consumer.stop if self.consumer else None), (last, self.relay.stop)):
            await end(group)
            if finish is not None:
                await finish()
        await self._relay_database.close()
        await self.database.close()

    async def _supervised(self, name: str, work: Background) -> None:
        try:
            await work()
            raise RuntimeError("it ended")
        except asyncio.CancelledError:
            raise
        except Exception as error:
            reason = telemetry.reason_of(error)
            self.failure = f"{name} failed: {reason}"
            telemetry.log().critical("background task failed, stopping", task=name, error=reason, trace=telemetry.trace_of(error))
            if self._server is not None:
                self._server.should_exit = True

    async def _watch(self) -> None:
        """A consumer that no longer polls is dead, whatever it says (aiokafka#847)."""
        while self.consumer is not None:
            await asyncio.sleep(WATCH_SECONDS)
            if time.monotonic() - self.consumer.polled_at > STALLED_AFTER and telemetry.ASSIGNED._value.get():
                raise RuntimeError(f"the consumer has not polled for {STALLED_AFTER:.0f} s")

    async def _measure(self) -> None:
        telemetry.DATABASE_ANSWERED.set_to_current_time()
        while True:
            with contextlib.suppress(Exception):
                async with self.database.reading() as unit:
                    row = await unit.row("SELECT count(*) AS n, min(created_at) AS oldest, now() AS now FROM outbox")
                    if row is not None:
                        telemetry.OUTBOX_PENDING.set(row["n"])
                        telemetry.OUTBOX_OLDEST.set((row["now"] - row["oldest"]).total_seconds() if row["oldest"] else 0)
                        telemetry.DATABASE_ANSWERED.set_to_current_time()
            await asyncio.sleep(MEASURE_SECONDS)

    def _add_health(self) -> None:
        sick: dict[int | str, dict[str, Any]] = {503: {"description": "Not now"}}

        @self.app.get("/health/live", tags=["operations"], summary="Whether the process works", responses=sick)
        async def live() -> Response:
            return JSONResponse({"status": self.failure or "ok"}, 503 if self.failure else 200)

        @self.app.get("/health/ready", tags=["operations"], summary="Whether it may be sent requests", responses=sick)
        async def ready() -> Response:
            problem = await self._not_ready()
            body = {"status": problem or "ok", "kafka_assigned_partitions": telemetry.ASSIGNED._value.get()}
            return JSONResponse(body, 503 if problem else 200)

        @self.app.get("/metrics", tags=["operations"], summary="Prometheus metrics", response_class=PlainTextResponse)
        async def metrics() -> Response:
            return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    async def _not_ready(self) -> str | None:
        """Kafka is no part of it: the outbox absorbs its absence."""
        if self.failure or self.draining:
            return self.failure or "draining"
        try:
            async with asyncio.timeout(1), self.database.reading() as unit:
                if not self._schema_ok and (problem := await self._schema_problem(unit.value)):
                    return problem
                self._schema_ok = True
        except Exception as error:
            return f"the database does not answer ({type(error).__name__})"
        return None

    async def _schema_problem(self, value: Callable[[str], Awaitable[Any]]) -> str | None:
        found = None
        with contextlib.suppress(asyncpg.UndefinedTableError):
            found = await value("SELECT version_num FROM alembic_version")
        if found == self.migrations.head:
            return None
        what = f"of version {found}" if found else "missing"
        return f"run python -m services.{self.settings.service} migrate: the tables are {what}"

    async def _may_start(self) -> str | None:
        """What keeps a service from starting on a database it was given: it never migrates that one itself."""
        try:
            connection = await asyncpg.connect(self.settings.database_url, timeout=10)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            return f"the database does not let us in ({type(error).__name__}): see {self.settings.service.upper()}_DATABASE_URL"
        try:
            return await self._schema_problem(connection.fetchval)
        finally:
            await connection.close()

    async def _close_slow(self) -> None:
        if self._server is not None:
            close_slow(self._server.server_state.connections)

    def serve(self) -> int:
        """Run until SIGTERM, Ctrl-C or a failure. Returns the exit code."""
        if self.settings.embedded and not self.migrations.upgrade_apart(self.settings.database_url):
            return 1
        if not self.settings.embedded and (problem := asyncio.run(self._may_start())):
            telemetry.configure_logs(self.settings.service, level=self.settings.log_level, form=self.settings.log_format)
            telemetry.log().critical("not started", reason=problem)
            return 1
        config = uvicorn.Config(
            self.app,
            host=self.settings.host,
            port=self.settings.port,
            loop="uvloop",
            http=PatientProtocol,
            proxy_headers=False,  # whom to believe about addresses is decided where they matter
            callback_notify=self._close_slow,
            timeout_notify=1,
            access_log=False,  # it prints query strings, and costs a third of the throughput
            log_level="warning",
            timeout_keep_alive=5,
            timeout_graceful_shutdown=20,
            limit_concurrency=2048,
            server_header=False,
        )
        gc.freeze()  # what is imported lives for ever: the collector need not walk it
        self._server = uvicorn.Server(config)
        self._server.run()
        return 1 if self.failure or not self._server.started else 0
