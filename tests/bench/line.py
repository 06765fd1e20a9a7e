"""What answers keep of capture alone while the whole line works behind them, and what the line carries meanwhile."""

import statistics
import time

import asyncpg

from deploy.local.system import System
from tests.bench.capture import alone
from tests.bench.load import hammer, spread

ROUNDS, SECONDS = 3, 5.0


async def run(system: System) -> None:
    with_line: list[float] = []
    without: list[float] = []
    carried: list[float] = []
    for _ in range(ROUNDS):
        before, began = await _offered(system), time.perf_counter()
        with_line.append((await hammer(system.ports.intake, connections=32, seconds=SECONDS))[0])
        carried.append((await _offered(system) - before) / (time.perf_counter() - began))
        async with alone(system):
            without.append((await hammer(system.ports.intake, connections=32, seconds=SECONDS))[0])
    ratio = statistics.median(with_line) / statistics.median(without)
    print("\nAnswers a second, 32 connections: median (low to high)")
    print(f"  capture alone     {spread(without)}")
    print(f"  the line behind   {spread(with_line)}: {ratio:.2f} of that (goal 0.70)")
    print(f"  offered meanwhile {spread(carried)}")


async def _offered(system: System) -> int:
    connection = await asyncpg.connect(system.postgres.url("handoff"))
    try:
        return int(await connection.fetchval("SELECT count(*) FROM assignment"))
    finally:
        await connection.close()
