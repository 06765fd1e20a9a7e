"""python -m tests.bench [capture] [path] [drain] [outage]: figures beside their ceilings, from one run. Nothing is asserted."""

import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import asyncpg
import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from deploy.local.ports import Ports, free_ports
from deploy.local.postgres import remove_data
from deploy.local.processes import Process
from deploy.local.system import System
from shared.envelope import to_record
from shared.events import HANDOFF, INTAKE, Contact, LeadQualified
from shared.settings import ROOT
from tests.bench.load import ask, hammer, percentile

SLICES, SECONDS = 4, 4.0


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[System]:
    with tempfile.TemporaryDirectory(prefix="lead-handoff-bench-") as place:
        try:
            async with System(Path(place), Ports.free()) as system:
                for number in range(9):
                    await system.run("-m", "services.handoff", "reps", "add", f"Rep {number}", "--email", f"r{number}@x.example")
                yield system
        finally:
            remove_data(Path(place) / "postgres")


async def capture(system: System) -> None:
    """Capture alone (INTAKE_QUALIFY=false, the other services stopped), and once with everything running."""
    print("\nCapture, 32 connections, slices in turn: median (low to high) answers of 202 a second")
    line = (await hammer(system.ports.intake, connections=32, seconds=SECONDS))[0]
    for name in ("handoff", "followup", "intake"):
        await system.parts[name].stop()
    system.environment["INTAKE_QUALIFY"] = "false"
    system.start_service("intake")
    await system.until_ready("intake")
    ports: dict[str, int] = {"shipped": system.ports.intake}
    parts: list[Process] = []
    url = await system.postgres.ensure_database("bench")
    for name, port in zip(("no_db", "plain", "sqlmodel"), free_ports(3), strict=True):
        ports[name] = port
        environment = {**system.environment, "BENCH_DATABASE_URL": url}
        command = [sys.executable, "-m", "tests.bench.variants", name, str(port)]
        part = Process(name, command, run_dir=system.local_dir / "run", environment=environment, directory=ROOT)
        part.start()
        parts.append(part)
    try:
        for port in ports.values():
            await _until_listening(port)
    except AssertionError as error:
        raise AssertionError("\n".join(part.tail(5) for part in parts)) from error
    rates: dict[str, list[float]] = {name: [] for name in ports}
    for _ in range(SLICES):
        for name, port in ports.items():
            rates[name].append((await hammer(port, connections=32, seconds=SECONDS))[0])
    median = {name: statistics.median(values) for name, values in rates.items()}
    for name, values in rates.items():
        print(f"  {name:9} {median[name]:7.0f}  ({min(values):.0f} to {max(values):.0f})")
    for name, goal in (("no_db", "0.70"), ("plain", "1.3"), ("sqlmodel", "6")):
        print(f"  shipped / {name:9} {median['shipped'] / median[name]:5.2f}   goal {goal}")
    print(f"  with the whole line working behind it {line:.0f}: {line / median['shipped']:.2f} of that (goal 0.70)")
    for part in (*parts, system.parts["intake"]):
        await part.stop()
    del system.environment["INTAKE_QUALIFY"]
    for name in ("intake", "handoff", "followup"):
        system.start_service(name)
        await system.until_ready(name)


async def path(system: System) -> None:
    """Submit to assignment.offered as a reader of the topic sees it, with CPU over all processes."""
    print("\nSubmit to offered, everything on this machine: p50 / p99 ms, CPU ms per lead (goal at 200/s: 40 / 100, 6)")
    consumer = AIOKafkaConsumer(HANDOFF, bootstrap_servers=system.kafka.address, auto_offset_reset="latest")
    await consumer.start()
    await consumer.seek_to_end()
    posted: dict[str, float] = {}
    took: list[float] = []

    async def read() -> None:
        async for record in consumer:
            if dict(record.headers).get("ce_type") == b"leadhandoff.assignment.offered.v1":
                began = posted.pop(record.key.decode(), None)
                if began is not None:
                    took.append(time.perf_counter() - began)

    reader = asyncio.create_task(read())
    for rate in (20, 100, 200, 400):
        for measured in (False, True):  # once to warm up
            took.clear()
            before = _cpu(system)
            await _post_at(system, rate, 3 if not measured else 12, posted)
            await asyncio.sleep(1.5)
            spent = _cpu(system) - before
        count = len(took)
        figures = f"{percentile(took, 0.5) * 1000:6.0f} / {percentile(took, 0.99) * 1000:4.0f} ms"
        print(f"  {rate:4}/s  {figures}   {spent / max(1, count) * 1000:5.2f} ms   {count} leads, {len(posted)} not seen")
        posted.clear()
    reader.cancel()
    await consumer.stop()


async def _post_at(system: System, rate: int, seconds: float, posted: dict[str, float]) -> None:
    """Post at an even rate over connections that stay open, and note when each lead was sent."""
    idle: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(64):
        idle.put_nowait(await asyncio.open_connection("127.0.0.1", system.ports.intake))

    async def post() -> None:
        connection = await idle.get()
        began = time.perf_counter()
        posted[(await ask(*connection))["lead_id"]] = began
        idle.put_nowait(connection)

    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
            group.create_task(post())
    while not idle.empty():
        idle.get_nowait()[1].close()


async def drain(system: System, leads: int = 100_000) -> None:
    print(f"\nDrain of {leads} waiting leads by one handoff process (goal 4000/s)")
    await system.parts["handoff"].stop()
    await system.parts["followup"].stop()
    producer = AIOKafkaProducer(bootstrap_servers=system.kafka.address, acks="all", linger_ms=20, max_batch_size=524_288)
    await producer.start()
    now = datetime.now(UTC)
    contact = Contact(first_name="Ada", last_name="Byron", email="ada@example.net", phone="+14195552001")
    for number in range(leads):
        lead_id = uuid4()
        event = LeadQualified(
            lead_id=lead_id, person_id=uuid4(), form="api", selection="estimate", message="The tap drips.", tier="P3",
            score=50, received_at=now, contact=contact, agreement="0" * 64,
        )  # fmt: skip
        record = to_record(event, key=str(lead_id), source="/intake", at=now)
        headers = [(name, value.encode()) for name, value in record.headers.items()]
        await producer.send(INTAKE, record.value, key=record.key.encode(), headers=headers)
        if number % 5000 == 0:
            await asyncio.sleep(0)
    await producer.stop()
    connection = await asyncpg.connect(system.postgres.url("handoff"))
    before = await connection.fetchval("SELECT count(*) FROM lead")
    system.start_service("handoff")
    began, sizes = None, []
    while True:
        done = await connection.fetchval("SELECT count(*) FROM lead") - before
        if done and began is None:
            began, first = time.perf_counter(), done
        with contextlib.suppress(psutil.Error):
            sizes.append(psutil.Process(system.parts["handoff"].pid).memory_info().rss / 1e6)
        if done >= leads:
            break
        await asyncio.sleep(0.2)
    assigned = (leads - first) / (time.perf_counter() - began)
    while await connection.fetchval("SELECT count(*) FROM outbox"):
        await asyncio.sleep(0.2)
    whole = (leads - first) / (time.perf_counter() - began)
    await connection.close()
    print(f"  {assigned:.0f}/s assigned, {whole:.0f}/s until the last offer is on Kafka; {max(sizes):.0f} MB at most")
    system.start_service("followup")
    await system.until_ready("followup")


async def outage(system: System, seconds: float = 60) -> None:
    print(f"\nKafka away for {seconds:.0f} s")
    await system.kafka.stop()
    posted: dict[str, float] = {}
    began = time.perf_counter()
    with contextlib.suppress(Exception):
        await _post_at(system, 20, seconds, posted)
    answered = len(posted)
    await system.kafka.start()
    back = time.perf_counter()
    connection = await asyncpg.connect(system.postgres.url("intake"))
    while await connection.fetchval("SELECT count(*) FROM outbox") or await connection.fetchval(
        "SELECT count(*) FROM submission WHERE state = 'waiting'"
    ):
        await asyncio.sleep(0.02)
    await connection.close()
    last = time.perf_counter() - back
    from tests.support import read_topic

    records = await asyncio.to_thread(read_topic, system.kafka.address, INTAKE)
    seen = [record.key for record in records if record.type == "lead.qualified" and record.key in posted]
    print(
        f"  {answered} of {int(20 * seconds)} answered 202 in {back - began:.0f} s; the last is on the topic {last:.1f} s "
        f"after the broker's return; lost {answered - len(set(seen))}, doubled {len(seen) - len(set(seen))}"
    )


async def sizes(system: System) -> None:
    print("\nMemory of each process, MB (goal 120)")
    for name in ("intake", "handoff", "followup"):
        print(f"  {name:9} {psutil.Process(system.parts[name].pid).memory_info().rss / 1e6:.0f}")


async def _until_listening(port: int) -> None:
    for _ in range(300):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await ask(reader, writer)
            writer.close()
            return
        except (OSError, asyncio.IncompleteReadError):
            await asyncio.sleep(0.1)
    raise AssertionError(f"nothing listens on {port}")


def _cpu(system: System) -> float:
    """Seconds of CPU used so far by the services, Kafka and Postgres."""
    roots = [system.parts[name].pid for name in ("intake", "handoff", "followup")]
    roots += [system.kafka.process.pid, system.postgres.process.pid]
    total = 0.0
    for root in roots:
        for one in (psutil.Process(root), *psutil.Process(root).children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                times = one.cpu_times()
                total += times.user + times.system
    return total


async def main(chosen: list[str]) -> None:
    began = time.perf_counter()
    async with running() as system:
        print(f"ready after {time.perf_counter() - began:.1f} s (with nine reps added)")
        parts = {"capture": capture, "path": path, "drain": drain, "outage": outage, "sizes": sizes}
        for name in chosen or ["path", "sizes", "outage", "capture", "drain"]:
            await parts[name](system)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
