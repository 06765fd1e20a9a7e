"""Time in: touches that are due go out, as many side by side as there are connections; what a dead worker left is settled."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from prometheus_client import Counter, Gauge

from services.followup import store
from services.followup.adapters.smtp import Answer
from services.followup.domain.sending import Limit, governor
from services.followup.use_cases.sending.compose import Outgoing
from services.followup.use_cases.sending.ends import end_touches
from services.followup.use_cases.sending.intend import Intender
from services.followup.use_cases.sending.record import Recorder, settle_doubts
from shared import inbox, telemetry
from shared.database import Database, is_transient
from shared.group_commit import GroupCommit, Overloaded
from shared.stopping import to_the_end

TOUCHES = Counter("touches_total", "Attempts by their answer", ["result"])
IN_DOUBT = Gauge("touches_in_doubt", "Intended, and no answer heard")
OVERDUE = Gauge("touches_overdue_seconds", "Age of the oldest touch that is due and not settled")
COMPLAINTS = Gauge("complaint_governor", "0 go, 1 warn, 2 marketing stopped")
INBOX_KEPT = timedelta(days=30)
CLOCKS_MAY_DIFFER = timedelta(seconds=5)
IDLE_SECONDS = 0.5


class Channel(Protocol):
    """What carries a message: SMTP, an SMS provider."""

    size: int

    async def send(self, message: Any) -> Answer: ...


class Witness(Protocol):
    """Somebody who knows whether a message was taken. None: cannot be asked just now."""

    async def seen(self, message_ids: Sequence[str]) -> Mapping[str, bool | None]: ...


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
    recover_seconds: float = 5.0

    def __post_init__(self) -> None:
        self._results: GroupCommit[tuple[Outgoing, Answer], None] = GroupCommit(self._record, batch=256, limit=100_000)
        self._flying: set[asyncio.Task[None]] = set()
        self._landed = asyncio.Event()
        self._back_off = 0.0

    async def send(self) -> None:
        """Claim, gate and intend for as many as can start at once, and start them."""
        writer = asyncio.create_task(self._results.run())
        claimed: list[Any] = []
        try:
            while True:
                free = self._room()
                if free < self._group and self._flying:
                    self._landed.clear()
                    await self._landed.wait()
                    continue
                try:
                    claimed = claimed or await self._claim()
                    taken, claimed = claimed[:free], claimed[free:]
                    if taken:
                        self._start(await self._intend(taken))
                except Exception as error:
                    if not is_transient(error):
                        raise
                    claimed = []
                    telemetry.log().warning("touches wait for the database", error=repr(error)[:200])
                    await asyncio.sleep(1)
                if self._back_off or not (taken or claimed):
                    await asyncio.sleep(max(self._back_off, IDLE_SECONDS))
        finally:
            await to_the_end(self._land(writer))

    def _room(self) -> int:
        """Without a witness no more is intended than starts at once; a witness makes a second row of them harmless."""
        return self._size * (2 if self.witnesses else 1) - len(self._flying)

    @property
    def _size(self) -> int:
        return sum(channel.size for channel in self.channels.values())

    @property
    def _group(self) -> int:
        """So many at least are gated and intended together while others fly: a transaction for each would cost too much."""
        return max(1, self._size // 4)

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

    def _windows(self, now: datetime) -> tuple[list[str], list[datetime]]:
        return [limit.name for limit in self.limits], [limit.window_start(now) for limit in self.limits]

    async def _intend(self, touches: list[Any]) -> list[Outgoing]:
        """One bad touch must not stop the others: where a group fails, each is tried alone."""
        try:
            async with self.database.transaction() as unit:
                return await self.intender.intend(unit, touches, _now())
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
        answer = await self.channels[outgoing.touch["channel"]].send(outgoing.message)
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
        return [None] * len(results)

    async def _land(self, writer: asyncio.Task[None]) -> None:
        """Being stopped: what is in the air lands and is written down."""
        if self._flying:
            await asyncio.wait(self._flying, timeout=15)
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)

    async def recover(self) -> None:
        """Every few seconds: what nobody holds any more, what nobody knows; and now and then, how we are doing."""
        for turn in itertools.count():
            try:
                await self._settle()
                if turn % 12 == 0:
                    await self._look_around()
            except Exception as error:
                if not is_transient(error):
                    raise
            await asyncio.sleep(self.recover_seconds)

    async def _settle(self) -> None:
        now = _now()
        async with self.database.transaction() as unit:
            await store.sending.take_back_unsent(unit, now)
            over = await store.sending.take_expired(unit, now, list(self.channels), self.lease)
        async with self.database.transaction() as unit:
            await store.clients.lock_all(unit, {touch["client_id"] for touch in over})
            await end_touches(unit, [(touch, "expired", "expired") for touch in over], now)
        async with self.database.reading() as unit:
            doubtful = await store.sending.in_doubt(unit, now - self.settle_delay)
        if not doubtful or not await self.may_send():
            return
        seen: dict[str, bool | None] = {}
        for name, witness in self.witnesses.items():
            seen |= await witness.seen([row["message_id"] for row in doubtful if row["channel"] == name])
        async with self.database.transaction() as unit:
            still = {row["id"]: row["fence"] for row in await store.sending.in_doubt(unit, now - self.settle_delay)}
            touches = [row for row in doubtful if still.get(row["id"]) == row["fence"]]
            await settle_doubts(unit, touches, seen, await self.intender.policies(unit, touches), _now())

    async def _look_around(self) -> None:
        now = _now()
        async with self.database.transaction() as unit:
            await inbox.purge(unit, before=now - INBOX_KEPT)
            found = governor(*await store.sending.sent_and_complained(unit, now - timedelta(days=7)))
            row = await store.sending.health(unit, now)
        self.intender.governor.state = found
        COMPLAINTS.set(("go", "warn", "stop").index(found))
        IN_DOUBT.set(row["in_doubt"])
        OVERDUE.set(row["overdue"] or 0)
