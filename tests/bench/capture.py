"""Answers a second of capture alone, beside the same without a database, a plain FastAPI and a session per request."""

import asyncio
import contextlib
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg

from deploy.local.ports import free_ports
from deploy.local.processes import Process
from deploy.local.system import SERVICES, System
from shared.settings import ROOT
from tests.bench.load import Steady, hammer, percentile, spread
from tests.bench.machine import cpu_seconds, until_listening

SLICES, SECONDS = 18, 1.0
LATENCY_SLICES = 7
CONNECTIONS = (32, 64, 256)
GOALS = {"no_db": 0.70, "plain": 1.3, "sqlmodel": 6}


async def run(system: System) -> None:
    async with alone(system), variants(system) as parts:
        for connections in CONNECTIONS:
            await _rates(system, parts, connections)
        await _latency(system, parts)


@contextlib.asynccontextmanager
async def alone(system: System) -> AsyncIterator[None]:
    """Intake without its second step, the other services stopped; afterwards all as it was."""
    await asyncio.gather(*(system.parts[name].stop() for name in SERVICES))
    system.environment["INTAKE_QUALIFY"] = "false"
    system.start_service("intake")
    await system.until_ready("intake")
    yield
    await system.parts["intake"].stop()
    del system.environment["INTAKE_QUALIFY"]
    for name in SERVICES:
        system.start_service(name)
    await asyncio.gather(*(system.until_ready(name) for name in SERVICES))


@contextlib.asynccontextmanager
async def variants(system: System) -> AsyncIterator[dict[str, tuple[int, int]]]:
    """Port and process of the shipped intake and of what it is measured against."""
    url = await system.postgres.ensure_database("bench")
    environment = {**system.environment, "BENCH_DATABASE_URL": url}
    found: dict[str, tuple[int, int]] = {"shipped": (system.ports.intake, system.parts["intake"].pid)}
    children: list[Process] = []
    for name, port in zip(GOALS, free_ports(len(GOALS)), strict=True):
        command = [sys.executable, "-m", "tests.bench.variants", name, str(port)]
        child = Process(name, command, run_dir=system.local_dir / "run", environment=environment, directory=ROOT)
        child.start()
        children.append(child)
        found[name] = port, child.pid
    try:
        for port, _ in found.values():
            await until_listening(port)
        yield found
    except AssertionError as error:
        raise AssertionError("\n".join(child.tail(5) for child in children)) from error
    finally:
        await asyncio.gather(*(child.stop() for child in children))


async def _rates(system: System, parts: dict[str, tuple[int, int]], connections: int) -> None:
    """Short slices in turn, and ratios of neighbours: the machine's own speed changes by a half within a minute."""
    rates: dict[str, list[float]] = {name: [] for name in parts}
    costs: dict[str, list[float]] = {name: [] for name in parts}
    transactions = leads = 0
    for number in range(SLICES):
        for name in list(parts)[:: -1 if number % 2 else 1]:  # forth and back: nobody always comes after the same one
            port, pid = parts[name]
            cpu, before = cpu_seconds(pid), await _transactions(system)
            rate, took = await hammer(port, connections=connections, seconds=SECONDS)
            rates[name].append(rate)
            costs[name].append((cpu_seconds(pid) - cpu) / len(took) * 1e6)
            if name == "shipped":
                transactions, leads = transactions + await _transactions(system) - before, leads + len(took)
    print(f"\nCapture alone, {connections} connections: answers of 202 a second, median (low to high), and CPU of its process")
    for name, found in rates.items():
        print(f"  {name:9} {spread(found):28} {statistics.median(costs[name]):5.0f} µs")
    for name, goal in GOALS.items():
        pairs = [ours / theirs for ours, theirs in zip(rates["shipped"], rates[name], strict=True)]
        of_medians = statistics.median(rates["shipped"]) / statistics.median(rates[name])
        low, _, high = statistics.quantiles(pairs)
        print(
            f"  shipped / {name:9} {statistics.median(pairs):5.2f}  (half of them {low:.2f} to {high:.2f};"
            f" of the medians {of_medians:.2f})  goal {goal}"
        )
    print(f"  transactions per lead {transactions / max(1, leads):.3f}  goal 0.1")


async def _latency(system: System, parts: dict[str, tuple[int, int]]) -> None:
    """100 requests a second: what durability adds to the slowest of a hundred answers. Slices in turn, their median counts."""
    found: dict[str, list[list[float]]] = {"shipped": [], "no_db": []}
    for _ in range(LATENCY_SLICES):
        for name in found:
            steady = Steady(parts[name][0])
            await steady.run(100, 4)
            found[name].append(steady.took)
    fsync = await asyncio.to_thread(_fsync_seconds, system.local_dir)
    print(f"\n100 requests a second, {LATENCY_SLICES} slices: p50, and p99 as median (low to high), ms")
    slowest = {name: [percentile(took, 0.99) * 1000 for took in slices] for name, slices in found.items()}
    for name, slices in found.items():
        p50 = statistics.median(percentile(took, 0.5) * 1000 for took in slices)
        low, high = min(slowest[name]), max(slowest[name])
        print(f"  {name:9} {p50:5.1f}  {statistics.median(slowest[name]):5.1f}  ({low:.1f} to {high:.1f})")
    ours, theirs = (statistics.median(slowest[name]) for name in ("shipped", "no_db"))
    goal = 2.5 * theirs + 2 * fsync * 1000
    print(f"  shipped p99 {ours:.1f} ms  goal {goal:.1f} (2.5 × no_db + 2 × an fsync of {fsync * 1000:.2f} ms)")


async def _transactions(system: System) -> int:
    connection = await asyncpg.connect(system.postgres.url("intake"))
    try:
        await connection.execute("SELECT pg_stat_force_next_flush()")
        return int(await connection.fetchval("SELECT xact_commit FROM pg_stat_database WHERE datname = 'intake'"))
    finally:
        await connection.close()


def _fsync_seconds(folder: Path) -> float:
    """The median of what the disk under the data takes, asked as often as the answers are: a disk that rests takes longer."""
    took: list[float] = []
    descriptor = os.open(folder / "fsync", os.O_CREAT | os.O_WRONLY, 0o600)
    for _ in range(200):
        time.sleep(0.01)
        os.pwrite(descriptor, b"\0" * 8192, 0)
        began = time.perf_counter()
        os.fdatasync(descriptor)
        took.append(time.perf_counter() - began)
    os.close(descriptor)
    return statistics.median(took)
