"""Time in: what a dead worker left of the sending is settled, and how we are doing is measured."""

import asyncio
import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from prometheus_client import Gauge

from services.followup import store
from services.followup.adapters.witnesses import Doubt, Seen
from services.followup.domain.sending import governor
from services.followup.scheduler.sending import SendingLoop
from services.followup.use_cases.sending.ends import end_touches
from services.followup.use_cases.sending.record import settle_doubts
from shared import inbox
from shared.database import is_transient

IN_DOUBT = Gauge("touches_in_doubt", "Intended, and no answer heard")
OVERDUE = Gauge("touches_overdue_seconds", "Age of the oldest touch that is due and not settled")
COMPLAINTS = Gauge("complaint_governor", "0 go, 1 warn, 2 marketing stopped")


@dataclass(frozen=True, slots=True)
class Recovery:
    loop: SendingLoop
    seconds: float = 5.0

    async def run(self) -> None:
        """Every few seconds: what nobody holds any more, what nobody knows; and now and then, how we are doing."""
        for turn in itertools.count():
            try:
                await self._settle()
                if turn % 12 == 0:
                    await self._look_around()
            except Exception as error:
                if not is_transient(error):
                    raise
            await asyncio.sleep(self.seconds)

    async def _settle(self) -> None:
        now = datetime.now(UTC)
        async with self.loop.database.transaction() as unit:
            over = await store.sending.take_expired(unit, now, list(self.loop.channels), self.loop.lease)
        async with self.loop.database.transaction() as unit:
            await store.clients.lock_all(unit, {touch["client_id"] for touch in over})
            await end_touches(unit, [(touch, "expired", "expired") for touch in over], now)
        async with self.loop.database.reading() as unit:
            doubtful = await store.sending.in_doubt(unit, now - self.loop.settle_delay)
        if not doubtful or not await self.loop.may_send():
            return
        seen: dict[str, Seen] = {}
        for name, witness in self.loop.witnesses.items():
            doubts = [Doubt(row["message_id"], row["first_at"], row["last_at"]) for row in doubtful if row["channel"] == name]
            seen |= await witness.seen(doubts, now)
        async with self.loop.database.transaction() as unit:
            still = {row["id"]: row["fence"] for row in await store.sending.in_doubt(unit, now - self.loop.settle_delay)}
            touches = [row for row in doubtful if still.get(row["id"]) == row["fence"]]
            await settle_doubts(unit, touches, seen, await self.loop.intender.policies(unit, touches), datetime.now(UTC))

    async def _purge(self, now: datetime) -> None:
        """As much as there is, in small transactions: a busy minute leaves more behind than one of them forgets."""
        purged = 1
        while purged:
            async with self.loop.database.transaction() as unit:
                purged = await inbox.purge(unit, before=now - inbox.KEPT)

    async def _look_around(self) -> None:
        now = datetime.now(UTC)
        await self._purge(now)
        async with self.loop.database.transaction() as unit:
            found = governor(*await store.sending.sent_and_complained(unit, now - timedelta(days=7)))
            row = await store.sending.health(unit, now)
        self.loop.intender.governor.state = found
        COMPLAINTS.set(("go", "warn", "stop").index(found))
        IN_DOUBT.set(row["in_doubt"])
        OVERDUE.set(row["overdue"] or 0)
