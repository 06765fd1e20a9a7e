"""The system under measurement, and what it costs the machine."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import psutil

from deploy.local.ports import Ports
from deploy.local.postgres import remove_data
from deploy.local.system import SERVICES, System
from tests.bench.load import Steady


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[System]:
    """Everything, with data of its own and nine reps."""
    with tempfile.TemporaryDirectory(prefix="lead-handoff-bench-") as place:
        try:
            async with System(Path(place), Ports.free()) as system:
                reps = Path(place) / "reps.csv"
                reps.write_text("name,email\n" + "".join(f"Rep {n},r{n}@x.example\n" for n in range(9)))
                await system.run("-m", "services.handoff", "reps", "import", str(reps))
                yield system
        finally:
            remove_data(Path(place) / "postgres")


async def until_listening(port: int) -> None:
    for _ in range(300):
        try:
            await Steady(port).run(100, 0.01)
            return
        except OSError:
            await asyncio.sleep(0.1)
    raise AssertionError(f"nothing listens on {port}")


def cpu_seconds(*pids: int) -> float:
    """User and system time used so far by these processes and their children."""
    total = 0.0
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            root = psutil.Process(pid)
            for one in (root, *root.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    times = one.cpu_times()
                    total += times.user + times.system
    return total


def by_part(system: System) -> dict[str, float]:
    """Seconds of CPU used so far by each service, Kafka and Postgres."""
    found = {name: cpu_seconds(system.parts[name].pid) for name in SERVICES}
    return found | {"kafka": cpu_seconds(system.kafka.process.pid), "postgres": cpu_seconds(system.postgres.process.pid)}


def megabytes(pid: int) -> float:
    return float(psutil.Process(pid).memory_info().rss / 1e6)
