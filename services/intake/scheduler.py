"""Time in: qualifies what waits, and forgets receipts that expired."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from prometheus_client import Counter, Gauge

from services.intake.settings import Settings
from services.intake.store import agreements, ledger, receipts, submissions
from services.intake.use_cases.qualify import qualify, qualify_waiting
from services.intake.use_cases.rescore import rescore_batch
from shared import inbox, telemetry
from shared.database import Database, Transaction, is_transient
from shared.group_commit import GroupCommit
from shared.in_force import agreement_in_force

QUALIFIED = Counter("lead_qualification_total", "Submissions through the second step", ["result"])
OLDEST_WAITING = Gauge("submission_oldest_waiting_seconds", "Age of the oldest submission without its second step; pages")
ROOM, MOST_ROOM = 8, 2.5  # times as long as a batch of the second step took; seconds, for leads must still flow
MISMATCHES = Gauge("ledger_mismatches", "Submissions of the last day whose state contradicts their lead; pages above 0")
PACE = 0.04  # seconds from one batch to the next: a lead alone never waits for it


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
                began = time.monotonic()
                if await self._qualify_batch(self._settings.qualify_batch) == self._settings.qualify_batch:
                    self._wake.set()
                await self._leave_room(time.monotonic() - began)
            except Exception as error:
                await self._recover(error)

    async def _recover(self, error: Exception) -> None:
        """A bug in one submission holds up nobody: each alone, then. While the database is away, all wait."""
        try:
            if is_transient(error):
                raise error
            telemetry.log().error("qualification falls back to one at a time", error=telemetry.describe(error))
            await self._qualify_one_by_one()
        except Exception as again:
            if not is_transient(again):
                raise
            telemetry.log().warning("qualification waits for the database", error=telemetry.describe(again))
            await asyncio.sleep(0.5)

    async def _qualify_batch(self, limit: int) -> int:
        async with self._database.transaction() as unit:
            done = await qualify_waiting(unit, limit=limit, now=datetime.now(UTC))
        QUALIFIED.labels("done").inc(done)
        return done

    async def _qualify_one_by_one(self) -> None:
        """Each submission in a transaction of its own; a bad one rests, and after too many attempts is put aside."""
        for _ in range(self._settings.qualify_batch):
            async with self._database.transaction() as unit:
                now = datetime.now(UTC)
                agreement = await agreement_in_force(unit)
                rows = await submissions.take_waiting(unit, 1, now)
                if agreement is None or not rows:
                    return
                try:
                    async with unit.savepoint():
                        await qualify(unit, rows, agreement, now)
                    QUALIFIED.labels("done").inc()
                except Exception as error:
                    if is_transient(error):
                        raise
                    await self._note_failure(unit, rows[0]["id"], error, now)

    async def _note_failure(self, unit: Transaction, lead_id: UUID, error: Exception, now: datetime) -> None:
        what, settings = telemetry.describe(error), self._settings
        pause = timedelta(seconds=settings.qualify_retry_seconds)
        state = await submissions.note_failure(unit, lead_id, what, attempts=settings.qualify_attempts, pause=pause, now=now)
        QUALIFIED.labels("failed" if state == "waiting" else "quarantined").inc()
        telemetry.log().error("submission failed", lead_id=str(lead_id), state=state, error=what)

    async def _leave_room(self, took: float) -> None:
        """Batches come at a pace, which saves CPU all along the line; while answers wait in crowds they get most of the time."""
        await asyncio.sleep(max(0.0, PACE - took))
        left = min(took * ROOM, MOST_ROOM)
        while self._capture.is_crowded and left > 0:
            await asyncio.sleep(min(left, 0.02))
            left -= 0.02

    async def rescore(self) -> None:
        """After a new agreement: open leads, a batch at a time, leaving room for what comes in meanwhile."""
        while True:
            done = 0
            try:
                done = await self._rescore_batch(self._settings.qualify_batch)
            except Exception as error:
                if not is_transient(error):
                    done = await self._rescore_one_by_one(error)
            await asyncio.sleep(0.05 if done else 2)

    async def _rescore_batch(self, limit: int) -> int:
        async with self._database.transaction() as unit:
            return await rescore_batch(unit, limit=limit, now=datetime.now(UTC))

    async def _rescore_one_by_one(self, error: Exception) -> int:
        """A bug over one lead stops neither the others nor the process; that lead keeps its score."""
        telemetry.log().error("scoring again falls back to one at a time", error=telemetry.describe(error))
        done = 0
        for _ in range(self._settings.qualify_batch):
            try:
                if not await self._rescore_batch(1):
                    break
            except Exception as problem:
                if is_transient(problem):
                    break
                async with self._database.transaction() as unit:
                    lead_id = await agreements.skip_next(unit)
                telemetry.log().error("lead was not scored again", lead_id=str(lead_id), error=telemetry.describe(problem))
            done += 1
        return done

    async def tidy(self) -> None:
        """Every ten seconds: expired receipts, old inbox rows, and the age that pages."""
        while True:
            try:
                now = datetime.now(UTC)
                async with self._database.transaction() as unit:
                    OLDEST_WAITING.set(await ledger.oldest_waiting_seconds(unit))
                await self._forget(partial(receipts.forget_expired_receipts, now=now))
                await self._forget(partial(inbox.purge, before=now - inbox.KEPT))
            except Exception as error:
                if not is_transient(error):
                    raise
            await asyncio.sleep(10)

    async def _forget(self, some: Callable[[Transaction], Awaitable[int]]) -> None:
        """All of it, however much came in: some at a time, and a breath between."""
        left = True
        while left:
            async with self._database.transaction() as unit:
                left = await some(unit) > 0
            await asyncio.sleep(PACE if left else 0)

    async def check_ledger(self) -> None:
        """Once a minute: whether the ledger and the leads say the same."""
        while True:
            try:
                async with self._database.reading() as unit:
                    MISMATCHES.set(await ledger.mismatches(unit, datetime.now(UTC) - timedelta(days=1)))
            except Exception as error:
                if not is_transient(error):
                    raise
            await asyncio.sleep(60)
