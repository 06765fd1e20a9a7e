"""Time in: qualifies what waits, and forgets receipts that expired."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import Counter, Gauge

from services.intake.settings import Settings
from services.intake.store import receipts, submissions
from services.intake.use_cases.qualify import qualify_waiting
from shared import inbox, telemetry
from shared.database import Database, is_transient
from shared.group_commit import GroupCommit

QUALIFIED = Counter("lead_qualification_total", "Submissions through the second step", ["result"])
OLDEST_WAITING = Gauge("submission_oldest_waiting_seconds", "Age of the oldest submission without its second step; pages")
INBOX_KEPT = timedelta(days=30)


class Scheduler:
    """Woken by each capture; looks by itself once a second for what another replica left."""

    def __init__(self, settings: Settings, database: Database, capture: GroupCommit[Any, Any]) -> None:
        self._settings, self._database, self._capture = settings, database, capture
        self._wake = asyncio.Event()

    def wake(self) -> None:
        self._wake.set()

    async def qualify(self) -> None:
        """The worker of the second step. It yields while answers wait, and one bad submission harms no other."""
        while True:
            try:
                async with asyncio.timeout(1.0):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                while await self._qualify_batch(self._settings.qualify_batch):
                    await self._yield_to_answers()
            except Exception as error:
                if not is_transient(error):
                    await self._qualify_one_by_one(error)
                else:
                    telemetry.log().warning("qualification waits for the database", error=repr(error)[:200])
                    await asyncio.sleep(0.5)

    async def _qualify_batch(self, limit: int) -> int:
        async with self._database.transaction() as unit:
            done = await qualify_waiting(unit, limit=limit, now=datetime.now(UTC))
        QUALIFIED.labels("done").inc(done)
        return done

    async def _qualify_one_by_one(self, cause: Exception) -> None:
        """A batch failed on a bug: each submission alone, and the bad ones set aside with their error."""
        telemetry.log().error("qualification falls back to one at a time", error=repr(cause)[:300])
        for _ in range(self._settings.qualify_batch):
            async with self._database.transaction() as unit:
                rows = await submissions.take_waiting(unit, 1)
                if not rows:
                    return
                try:
                    async with unit.connection.transaction():
                        await qualify_waiting(unit, limit=1, now=datetime.now(UTC))
                    QUALIFIED.labels("done").inc()
                except Exception as error:
                    if is_transient(error):
                        raise
                    state = await submissions.note_failure(unit, rows[0]["id"], repr(error), self._settings.qualify_attempts)
                    QUALIFIED.labels("failed").inc()
                    telemetry.log().error("submission failed", lead_id=str(rows[0]["id"]), state=state)

    async def _yield_to_answers(self) -> None:
        for _ in range(20):  # bounded: under constant load leads must still flow
            if not self._capture.is_busy:
                return
            await asyncio.sleep(0.002)

    async def tidy(self) -> None:
        """Once a minute: expired receipts, old inbox rows, and the age that pages."""
        while True:
            try:
                now = datetime.now(UTC)
                async with self._database.transaction() as unit:
                    OLDEST_WAITING.set(await submissions.oldest_waiting_seconds(unit))
                    await receipts.forget_expired_receipts(unit, now)
                    await inbox.purge(unit, before=now - INBOX_KEPT)
            except Exception as error:
                if not is_transient(error):
                    raise
            await asyncio.sleep(10)
