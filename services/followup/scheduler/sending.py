"""Time in: touches that are due go out, as many side by side as there are connections."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from prometheus_client import Counter

from services.followup import store
from services.followup.adapters.smtp import Answer
from services.followup.adapters.witnesses import Doubt, Seen
from services.followup.domain.sending import Limit
from services.followup.use_cases.sending.compose import Outgoing
from services.followup.use_cases.sending.intend import Intender
from services.followup.use_cases.sending.record import Recorder
from shared import telemetry
from shared.database import Database, is_transient
from shared.group_commit import GroupCommit, Overloaded
from shared.stopping import to_the_end

TOUCHES = Counter("touches_total", "Attempts by their answer", ["result"])
CLOCKS_MAY_DIFFER = timedelta(seconds=5)
IDLE_SECONDS = 0.5
GROUPS_AT_ONCE = 2  # one is gated while the database writes the other's intent


class Channel(Protocol):
    """What carries a message: SMTP, an SMS provider."""

    size: int

    async def send(self, message: Any) -> Answer: ...


class Witness(Protocol):
    """Somebody who knows whether a message was taken. What it does not name, it will never know."""

    async def seen(self, doubts: Sequence[Doubt], now: datetime, /) -> Mapping[str, Seen]: ...


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class SendingLoop:
    database: Database
    intender: Intender
    recorder: Recorder
    channels: Mapping[str, Channel]
    witnesses: Mapping[str, Witness]
    limits: tuple[Limit, ...]
    may_send: Callable[[], Awaitable[bool]]
    lease: timedelta
    settle_delay: timedelta
    claim: int = 500

    def __post_init__(self) -> None:
        self._results: GroupCommit[tuple[Outgoing, Answer], None] = GroupCommit(self._record, batch=256, limit=100_000)
        # a channel queues too, but who waits here can still be put back when we stop
        self._lanes = {name: asyncio.Semaphore(channel.size) for name, channel in self.channels.items()}
        self._intending: dict[asyncio.Task[None], int] = {}
        self._flying: set[asyncio.Task[None]] = set()
        self._landed = asyncio.Event()
        self._failure: BaseException | None = None
        self._stopping = False
        self._back_off = 0.0

    async def send(self) -> None:
        """Claim, gate and intend for as many as can start soon, and start them."""
        writer = asyncio.create_task(self._results.run())
        claimed: list[Any] = []
        try:
            while self._failure is None:
                free = self._room()
                if len(self._intending) == GROUPS_AT_ONCE or (free < self._group and (self._flying or self._intending)):
                    self._landed.clear()
                    await self._landed.wait()
                    continue
                try:
                    claimed = claimed or await self._claim()
                except Exception as error:
                    await _wait_for_database(error)
                taken, claimed = claimed[:free], claimed[free:]
                if taken:
                    task = asyncio.create_task(self._intend_and_start(taken))
                    self._intending[task] = len(taken)
                    task.add_done_callback(self._intended)
                if self._back_off or not taken:
                    await asyncio.sleep(max(self._back_off, IDLE_SECONDS))
            raise self._failure
        finally:
            await to_the_end(self._land(writer, claimed))

    def _room(self) -> int:
        """A second row is intended while the first is in the air, so that no connection waits; a crash leaves both in doubt."""
        return self._size * 2 - len(self._flying) - sum(self._intending.values())

    @property
    def _size(self) -> int:
        return sum(channel.size for channel in self.channels.values())

    @property
    def _group(self) -> int:
        """So many at least are gated and intended together while others fly: a transaction for each would cost too much."""
        return max(1, self._size // 4)

    async def _intend_and_start(self, touches: list[Any]) -> None:
        try:
            ready = await self._intend(touches)
        except Exception as error:
            await _wait_for_database(error)
        else:
            self._start(ready)

    def _intended(self, task: asyncio.Task[None]) -> None:
        del self._intending[task]
        self._landed.set()
        if not task.cancelled():
            self._failure = self._failure or task.exception()

    async def _claim(self) -> list[Any]:
        if not await self.may_send():
            return []
        now = _now()
        async with self.database.transaction() as unit:
            difference = abs(await store.sending.clock(unit) - now)
            if difference > CLOCKS_MAY_DIFFER:
                telemetry.log().critical(
                    "nothing is sent: the clocks of host and database differ", seconds=difference.total_seconds()
                )
                return []
            allowed = await self._allowance(unit, now)
            if allowed <= 0:
                return []
            rows = await store.sending.claim_due(unit, now, list(self.channels), limit=allowed, lease=self.lease)
            if self.limits and rows:
                names, starts = self._windows(now)
                await store.sending.use_limits(unit, names, starts, len(rows))
            return sorted(rows, key=lambda row: (row["due_at"], row["id"]))

    async def _allowance(self, unit: Any, now: datetime) -> int:
        """How many of the limits, which all replicas share, are left in this second, minute, hour and day."""
        if not self.limits:
            return self.claim
        names, starts = self._windows(now)
        used = await store.sending.limits(unit, names, starts)
        return min(self.claim, *(limit.count - used[limit.name] for limit in self.limits))

    async def _give_back(self, unit: Any, unused: int) -> None:
        """What the relay did not take costs nothing of the hour and the day: an hour's outage must not use up a day's mails."""
        longer = [limit for limit in self.limits if limit.unit in ("hour", "day")]
        if longer and unused:
            names, now = [limit.name for limit in longer], _now()
            await store.sending.use_limits(unit, names, [limit.window_start(now) for limit in longer], -unused)

    def _windows(self, now: datetime) -> tuple[list[str], list[datetime]]:
        return [limit.name for limit in self.limits], [limit.window_start(now) for limit in self.limits]

    async def _intend(self, touches: list[Any]) -> list[Outgoing]:
        """One bad touch must not stop the others: where a group fails, each is tried alone."""
        try:
            async with self.database.transaction() as unit:
                ready = await self.intender.intend(unit, touches, _now())
                await self._give_back(unit, len(touches) - len(ready))
                return ready
        except Exception as error:
            if is_transient(error):
                raise
            if len(touches) == 1:
                TOUCHES.labels("error").inc()
                telemetry.log().error("touch interrupted", touch_id=str(touches[0]["id"]), error=telemetry.describe(error))
                return []
            return [one for touch in touches for one in await self._intend([touch])]

    def _start(self, ready: list[Outgoing]) -> None:
        for outgoing in ready:
            task = asyncio.create_task(self._deliver(outgoing))
            self._flying.add(task)
            task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._flying.discard(task)
        self._landed.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            TOUCHES.labels("error").inc()
            telemetry.log().error("touch interrupted", error=telemetry.describe(error))

    async def _deliver(self, outgoing: Outgoing) -> None:
        channel = outgoing.touch["channel"]
        async with self._lanes[channel]:
            answer = Answer("unsent", "stopping") if self._stopping else await self.channels[channel].send(outgoing.message)
        TOUCHES.labels(answer.result).inc()
        self._back_off = min(max(self._back_off * 1.2, 0.5), 30.0) if answer.for_all else 0.0
        while True:  # the answer is known: it must not get lost because the database is away for a while
            try:
                return await self._results.submit((outgoing, answer))
            except Overloaded:
                await asyncio.sleep(1)

    async def _record(self, results: list[tuple[Outgoing, Answer]]) -> list[None]:
        async with self.database.transaction() as unit:
            await self.recorder.record(unit, results, _now())
            await self._give_back(unit, sum(answer.result in ("busy", "unsent") for _, answer in results))
        return [None] * len(results)

    async def _land(self, writer: asyncio.Task[None], claimed: list[Any]) -> None:
        """Being stopped: what is in the air lands and is written down, the second row and what was claimed are put back."""
        self._stopping = True
        try:
            async with asyncio.timeout(5), self.database.transaction() as unit:
                await store.sending.put_back(unit, [(one["id"], one["fence"], one["due_at"]) for one in claimed])
                await self._give_back(unit, len(claimed))
        except Exception as error:
            if not is_transient(error):
                raise
            telemetry.log().info("claimed touches wait for the end of their lease", error=repr(error)[:200])
        if self._intending:
            await asyncio.wait(self._intending, timeout=15)
        if self._flying:
            await asyncio.wait(self._flying, timeout=15)
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)


async def _wait_for_database(error: Exception) -> None:
    if not is_transient(error):
        raise error
    telemetry.log().warning("touches wait for the database", error=repr(error)[:200])
    await asyncio.sleep(1)
