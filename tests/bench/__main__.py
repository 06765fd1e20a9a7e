"""python -m tests.bench [PART…]: figures beside their ceilings, from one run. Nothing is asserted."""

import asyncio
import inspect
import signal
import sys
import time
from contextlib import AsyncExitStack

import uvloop

from deploy.local.system import System
from tests.bench import capture, drain, line, memory, outage, path, routing, sending, stored
from tests.bench.machine import running

# A part is a module with `async def run(system)`, or `async def run()` where it needs no system.
PARTS = {
    "path": path,
    "memory": memory,
    "outage": outage,
    "capture": capture,
    "line": line,
    "routing": routing,
    "drain": drain,
    "sending": sending,
    "stored": stored,
}


async def main(chosen: list[str]) -> int:
    if unknown := [name for name in chosen if name not in PARTS]:
        print(f"There is no part {unknown[0]!r}. The parts are:", file=sys.stderr)
        for name, part in PARTS.items():
            print(f"  {name:10} {part.__doc__}", file=sys.stderr)
        return 2
    if (task := asyncio.current_task()) is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)  # what was started is stopped, too
    async with AsyncExitStack() as stack:
        system: System | None = None
        for name in chosen or list(PARTS):
            part = PARTS[name]
            if not inspect.signature(part.run).parameters:
                await part.run()
                continue
            if system is None:
                began = time.perf_counter()
                system = await stack.enter_async_context(running())
                print(f"ready after {time.perf_counter() - began:.1f} s (with nine reps added)")
            await part.run(system)
    return 0


if __name__ == "__main__":
    sys.exit(uvloop.run(main(sys.argv[1:])))
