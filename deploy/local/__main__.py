"""python -m deploy.local: runs everything in the foreground, in one log, until Ctrl-C."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from deploy.local.errors import LocalError
from deploy.local.ports import Ports
from deploy.local.system import SERVICES, System
from shared.settings import ROOT


def main() -> int:
    try:
        return asyncio.run(_up())
    except LocalError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


async def _up() -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    system = System(Path(os.environ.get("LOCAL_DIR") or ROOT / ".local"), Ports.from_environment())
    starting = asyncio.create_task(system.start())
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _ask_to_stop, stopping, starting)
    try:
        print("Starting Kafka, Postgres, the mail sink and the three services ...", flush=True)
        await starting
        _print_addresses(system)
        await _follow(system, stopping)
    except asyncio.CancelledError:
        pass
    finally:
        print("Stopping ...", flush=True)
        await system.stop()
    return 0


def _ask_to_stop(stopping: asyncio.Event, starting: "asyncio.Task[None]") -> None:
    stopping.set()
    if not starting.done():
        starting.cancel()


def _print_addresses(system: System) -> None:
    print(
        f"""
  Web form         {system.url("intake")}/f/contact
  Intake API       {system.url("intake")}/docs
  Handoff API      {system.url("handoff")}/docs
  Followup API     {system.url("followup")}/docs
  Mails sent       http://127.0.0.1:{system.ports.mail_page}
  Kafka            {system.environment["KAFKA_BOOTSTRAP_SERVERS"]}
  API key          {system.local_dir / "api-key"}

Ctrl-C stops everything.
""",
        flush=True,
    )


async def _follow(system: System, stopping: asyncio.Event) -> None:
    """Print what the services log, until asked to stop or a part stops by itself."""
    seen = dict.fromkeys(SERVICES, 0)
    while not stopping.is_set():
        system.must_run()
        for name in SERVICES:
            log = system.parts[name].log
            with log.open("rb") as opened:
                if seen[name] == 0:
                    seen[name] = log.stat().st_size
                opened.seek(seen[name])
                text = opened.read()
            seen[name] += len(text)
            for line in text.decode(errors="replace").splitlines():
                print(f"{name:9} {line}", flush=True)
        try:
            async with asyncio.timeout(0.3):
                await stopping.wait()
        except TimeoutError:
            continue


if __name__ == "__main__":
    sys.exit(main())
