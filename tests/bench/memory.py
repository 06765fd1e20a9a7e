"""Memory of each process as it is now."""

from deploy.local.system import SERVICES, System
from tests.bench.machine import megabytes


async def run(system: System) -> None:
    print("\nMemory of each process, MB (goal 120)")
    for name in SERVICES:
        print(f"  {name:9} {megabytes(system.parts[name].pid):.0f}")
