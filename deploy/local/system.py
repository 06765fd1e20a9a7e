"""The whole system as child processes: databases and Kafka first, then the three services, which migrate themselves."""

import asyncio
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from deploy.local.errors import LocalError
from deploy.local.kafka import Kafka
from deploy.local.ports import Ports, free_ports, refuse_taken
from deploy.local.postgres import Postgres
from deploy.local.processes import Process, end_leftovers
from shared.settings import ROOT, LocalSettings
from shared.signing import new_api_key
from shared.topics import create_topics

SERVICES = ("intake", "handoff", "followup")
# For a system that must touch nothing of the user's, whatever their shell exports: everything embedded.
NOTHING_OF_YOURS = dict.fromkeys(
    [f"{name.upper()}_DATABASE_URL" for name in SERVICES]
    + ["KAFKA_BOOTSTRAP_SERVERS", "KAFKA_SECURITY_PROTOCOL", "FOLLOWUP_SMTP_URL", "HANDOFF_SMTP_URL", "API_KEY_FILE"],
    "",
)


class System:
    """`async with System(folder, ports)`: everything runs. Parts can be killed, restarted and added for fault tests."""

    def __init__(
        self,
        local_dir: Path,
        ports: Ports,
        *,
        environment: Mapping[str, str] | None = None,
        cache: Path | None = None,
        services: tuple[str, ...] = SERVICES,
    ) -> None:
        self.local_dir, self.ports, self._names = local_dir.resolve(), ports, services
        cache = cache or Path(os.environ.get("LOCAL_CACHE_DIR") or ROOT / ".local" / "cache")
        given = {**os.environ, **(environment or {})}
        self.postgres = Postgres(self.local_dir / "postgres", ports.postgres)
        self.kafka = Kafka(self.local_dir / "kafka", ports.kafka, cache=cache.resolve())
        self._own_kafka = not given.get("KAFKA_BOOTSTRAP_SERVERS")
        self._own_databases = [name for name in SERVICES if not given.get(f"{name.upper()}_DATABASE_URL")]
        mail = f"smtp://127.0.0.1:{ports.mail}"
        self.environment = {
            **given,
            **ports.environment(),
            "LOCAL_DIR": str(self.local_dir),
            "KAFKA_BOOTSTRAP_SERVERS": given.get("KAFKA_BOOTSTRAP_SERVERS") or self.kafka.address,
            "FOLLOWUP_SMTP_URL": given.get("FOLLOWUP_SMTP_URL") or mail,
            "HANDOFF_SMTP_URL": given.get("HANDOFF_SMTP_URL") or mail,
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }
        self.parts: dict[str, Process] = {}
        self.api_key = ""

    async def __aenter__(self) -> "System":
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()

    async def start(self) -> None:
        self.local_dir.mkdir(parents=True, exist_ok=True)
        self.api_key = self._ensure_api_key()
        end_leftovers(self.local_dir)
        self._refuse_taken_ports()
        await asyncio.gather(self._start_kafka(), self._start_mail(), self._start_services())
        await asyncio.gather(*(self.until_ready(name) for name in self._names))

    async def stop(self) -> None:
        """Services, then Kafka, then Postgres, so that each can finish what it has in hand."""
        services = [part for name, part in self.parts.items() if name != "mail"]
        await asyncio.gather(*(part.stop() for part in services))
        mail = [self.parts["mail"].stop(grace=5)] if "mail" in self.parts else []
        await asyncio.gather(self.kafka.stop(), *mail)
        await self.postgres.stop()

    # ---- parts -------------------------------------------------------------------------------------------------------
    def start_service(self, name: str, *, instance: int = 0, port: int | None = None) -> str:
        """Start a service, or another replica of it. Returns the name of the part."""
        part = name if instance == 0 else f"{name}-{instance}"
        extra = {"KAFKA_INSTANCE_ID": f"{name}-{instance}"}
        if port is not None:
            extra[f"{name.upper()}_PORT"] = str(port)
        self.parts[part] = self._process(part, name, extra)
        self.parts[part].start()
        return part

    async def add_replica(self, name: str, instance: int) -> str:
        port = free_ports(1)[0]
        part = self.start_service(name, instance=instance, port=port)
        await self.until_ready(part, port=port)
        return part

    async def until_ready(self, part: str, *, port: int | None = None, deadline: float = 60) -> None:
        url = f"http://127.0.0.1:{port or getattr(self.ports, part)}/health/ready"
        try:
            async with asyncio.timeout(deadline), httpx.AsyncClient(verify=False) as client:  # noqa: S501 no TLS on this way
                while True:
                    self.parts[part].must_run()
                    try:
                        if (await client.get(url)).status_code == 200:
                            return
                    except httpx.TransportError:
                        pass
                    await asyncio.sleep(0.1)
        except TimeoutError as error:
            raise LocalError(f"{part} was not ready within {deadline:.0f} s:\n{self.parts[part].tail()}") from error

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{getattr(self.ports, service)}"

    def must_run(self) -> None:
        """Raises LocalError naming the part that stopped by itself."""
        for part in self.parts.values():
            part.must_run()
        if self._own_kafka:
            self.kafka.process.must_run()
        if self._own_databases:
            self.postgres.process.must_run()

    async def run(self, *arguments: str, timeout: float = 60) -> str:
        """A command of ours, for example "-m", "services.handoff", "reps", "list". Returns what it printed."""
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            env=self.environment,
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await asyncio.wait_for(child.communicate(), timeout)
        if child.returncode:
            raise LocalError(f"{' '.join(arguments)} failed:\n{output.decode()[-2000:]}")
        return output.decode()

    # ---- starting ----------------------------------------------------------------------------------------------------
    def _process(self, part: str, module: str, extra: Mapping[str, str]) -> Process:
        command = ["-m", "deploy.local.mail_sink"] if module == "mail" else ["-m", f"services.{module}", "serve"]
        return Process(
            part,
            [sys.executable, *command],
            run_dir=self.local_dir / "run",
            environment={**self.environment, **extra},
            directory=ROOT,
            yields=0 if module == "intake" else 5,  # answers come before what happens behind them
        )

    def _refuse_taken_ports(self) -> None:
        for name in self._names:
            refuse_taken(getattr(self.ports, name), name, f"{name.upper()}_PORT")
        refuse_taken(self.ports.mail, "the mail sink", "MAIL_PORT")
        refuse_taken(self.ports.mail_page, "the mail page", "MAIL_PAGE_PORT")

    async def _start_services(self) -> None:
        """Each wants its database; Kafka they wait for, so that they can get ready beside it."""
        if self._own_databases:
            await self.postgres.start()
        for name in SERVICES:
            if name in self._own_databases:
                await self.postgres.ensure_database(name)
            if name in self._names:
                self.start_service(name)

    async def _start_kafka(self) -> None:
        if self._own_kafka:
            await self.kafka.start()
        await create_topics(_kafka_settings(self.environment))

    async def _start_mail(self) -> None:
        self.parts["mail"] = self._process("mail", "mail", {"MAIL_DIR": str(self.local_dir / "mail")})
        self.parts["mail"].start()

    def _ensure_api_key(self) -> str:
        file = self.local_dir / "api-key"
        if not file.exists():
            descriptor, temporary = tempfile.mkstemp(dir=self.local_dir)  # mkstemp makes it 0600
            with os.fdopen(descriptor, "w") as opened:
                opened.write(new_api_key())
            Path(temporary).rename(file)
        return file.read_text().strip()


def _kafka_settings(environment: Mapping[str, str]) -> LocalSettings:
    partitions: dict[str, Any] = {"topic_partitions": int(given)} if (given := environment.get("TOPIC_PARTITIONS")) else {}
    return LocalSettings(kafka_bootstrap_servers=environment["KAFKA_BOOTSTRAP_SERVERS"], **partitions)
