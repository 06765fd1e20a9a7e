"""Time in: what is due."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from services.handoff.use_cases.agreements import publish_again
from services.handoff.use_cases.board import follow_facts
from services.handoff.use_cases.clocks import handle_due_timers
from services.handoff.use_cases.outcomes import end_waits, give_up_waiting
from shared import inbox, telemetry
from shared.database import Database, Transaction, is_transient

INBOX_KEPT = timedelta(days=30)

Work = Callable[[Transaction, datetime], Awaitable[int | None]]


async def _follow_facts(unit: Transaction, now: datetime) -> int:
    return await follow_facts(unit)


class Scheduler:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def timers(self) -> None:
        while True:
            await self._once(handle_due_timers)
            await self._once(end_waits)
            await asyncio.sleep(0.5 + random.random() * 0.1)  # noqa: S311  jitter

    async def board(self) -> None:
        """The scoreboard's lines follow within seconds; after a great drain within minutes, so that leads go first."""
        while True:
            await self._once(_follow_facts, most=1)
            await asyncio.sleep(0.7 + random.random() * 0.1)  # noqa: S311  jitter

    async def tidy(self) -> None:
        while True:
            await self._once(publish_again)
            await self._once(give_up_waiting)
            try:
                async with self._database.transaction() as unit:
                    await inbox.purge(unit, before=datetime.now(UTC) - INBOX_KEPT)
            except Exception as error:
                if not is_transient(error):
                    raise
            await asyncio.sleep(60)

    async def _once(self, work: Work, *, most: int = 1000) -> None:
        """Do a kind of work until none is left, each piece in a transaction of its own."""
        try:
            for _ in range(most):
                async with self._database.transaction() as unit:
                    done = await work(unit, datetime.now(UTC))
                if not done:
                    return
        except Exception as error:
            if not is_transient(error):
                raise
            telemetry.log().warning("timers wait for the database", error=repr(error)[:200])
