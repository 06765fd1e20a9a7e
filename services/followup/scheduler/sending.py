"""Touches that are due, and what a worker that died left behind."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import Counter

from services.followup import store
from services.followup.settings import Settings
from services.followup.use_cases.send import Sender
from shared import inbox, telemetry
from shared.database import Database, is_transient

TOUCHES = Counter("touches_total", "Touches taken to an end", ["result"])
INBOX_KEPT = timedelta(days=30)


def _now() -> datetime:
    return datetime.now(UTC)


class Scheduler:
    def __init__(self, settings: Settings, database: Database, sender: Sender) -> None:
        self._settings, self._database, self._sender = settings, database, sender

    async def send(self) -> None:
        """Claim as many as there are connections, send them side by side, and look again."""
        lease = timedelta(seconds=self._settings.lease_seconds)
        while True:
            claimed: list[Any] = []
            try:
                async with self._database.transaction() as unit:
                    claimed = await store.sending.claim_due(unit, _now(), limit=self._settings.send_connections, lease=lease)
                await asyncio.gather(*(self._send_one(touch) for touch in claimed))
            except Exception as error:
                if not is_transient(error):
                    raise
                telemetry.log().warning("touches wait for the database", error=repr(error)[:200])
            if not claimed:
                await asyncio.sleep(0.5)

    async def _send_one(self, touch: Any) -> None:
        """One bad touch must not stop the others; its lease brings it back."""
        try:
            await self._sender.send(touch, _now)
            TOUCHES.labels("done").inc()
        except Exception as error:
            TOUCHES.labels("error").inc()
            telemetry.log().error("touch interrupted", touch_id=str(touch["id"]), error=repr(error)[:300])

    async def recover(self) -> None:
        while True:
            try:
                async with self._database.transaction() as unit:
                    await store.sending.take_back_unsent(unit, _now())
                    for touch in await store.sending.in_doubt(unit, _now()):
                        await self._sender.settle_doubt(unit, touch, _now())
                    await inbox.purge(unit, before=_now() - INBOX_KEPT)
            except Exception as error:
                if not is_transient(error):
                    raise
            await asyncio.sleep(10)
