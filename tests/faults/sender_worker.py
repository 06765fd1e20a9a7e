"""A sender as a process of its own, for tests that kill or freeze it."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from services.followup.adapters.smtp import Answer, Smtp
from services.followup.scheduler.recovery import Recovery
from shared.database import Database
from tests.services.followup.sending import loop_over


class LogWitness:
    """The relay's own log: a message id a line."""

    def __init__(self, log: Path) -> None:
        self._log = log

    async def seen(self, message_ids: Sequence[str]) -> Mapping[str, bool | None]:
        taken = set(self._log.read_text().split())
        return {id: id in taken for id in message_ids}


def dying(work: Any, at: int) -> Any:
    """The same, and on its nth call the process is gone the moment it is done."""
    calls = 0

    async def run(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        found = await work(*arguments, **named)
        calls += bool(found)
        if calls == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    return run


async def main(url: str, smtp_url: str, log: str, point: str, at: int, witness: bool) -> None:
    database = Database(url, name="worker", size=4)
    await database.open()
    smtp = Smtp(smtp_url, size=8, timeout=2, data_timeout=1)
    loop = loop_over(database, smtp, lease=3, settle=1.5, witness=LogWitness(Path(log)) if witness else None)
    loop.claim = 20
    targets: dict[str, tuple[Any, str]] = {
        "claimed": (loop, "_claim"),
        "intended": (loop, "_intend"),
        "answered": (smtp, "send"),
        "recorded": (loop, "_record"),
    }
    if point in targets:
        owner, name = targets[point]
        setattr(owner, name, dying(getattr(owner, name), at))
    if point == "recorded":
        loop.__post_init__()
    if point == "started":
        send = smtp.send

        async def start(mail: Any) -> Answer:
            nonlocal at
            at -= 1
            if at == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return await send(mail)

        smtp.send = start  # type: ignore[method-assign]
    await asyncio.gather(loop.send(), Recovery(loop, seconds=0.5).run())


if __name__ == "__main__":
    address, relay, file, where, number, with_witness = sys.argv[1:7]
    asyncio.run(main(address, relay, file, where, int(number), with_witness == "witness"))
