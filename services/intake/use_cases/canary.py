"""A canary lead: through the real door, the real second step and the relay, so that silence there pages somebody."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
from prometheus_client import Counter, Gauge

from services.intake.store import canaries
from shared import telemetry
from shared.database import Database

LAST_ARRIVED = Gauge("canary_last_arrived_timestamp_seconds", "When a canary lead last came through to the topic; pages when old")
TOOK = Gauge("canary_seconds", "How long the last canary lead took from the door to the topic")
FAILED = Counter("canary_failures_total", "Canary leads that did not come through; pages")
KEPT = timedelta(days=1)


class Canary:
    """`url`: our own door. A canary is a test lead: no rep ever sees it, and the ledger counts it apart."""

    def __init__(
        self, database: Database, url: str, *, seconds: float, api_key_file: Path | None = None, patience: float = 30
    ) -> None:
        self._database, self._url, self._seconds, self._patience = database, url, seconds, patience
        self._api_key_file = api_key_file

    async def run(self) -> None:
        LAST_ARRIVED.set_to_current_time()  # from now on silence counts
        async with httpx.AsyncClient(timeout=10) as client:
            while True:
                await asyncio.sleep(self._seconds)
                await self.sing(client)

    async def sing(self, client: httpx.AsyncClient) -> bool:
        """One canary. Whatever goes wrong is counted, never raised: it must not take the service down."""
        started = time.monotonic()
        try:
            lead_id = await self._post(client)
            await self._wait_for(lead_id)
            async with self._database.transaction() as unit:
                await canaries.forget(unit, datetime.now(UTC) - KEPT)
        except Exception as error:
            FAILED.inc()
            telemetry.log().error("the canary did not come through", error=telemetry.describe(error))
            return False
        TOOK.set(time.monotonic() - started)
        LAST_ARRIVED.set_to_current_time()
        return True

    async def _post(self, client: httpx.AsyncClient) -> UUID:
        lead = {"last_name": "Canary", "email": "canary@canary.example", "selection": "question", "test": True}
        body = lead | {"external_id": f"canary-{time.time_ns()}"}
        answer = await client.post(f"{self._url}/v1/leads", json=body, headers=self._known())
        answer.raise_for_status()
        return UUID(answer.json()["lead_id"])

    def _known(self) -> dict[str, str]:
        """With our own key, where there is one: limits for strangers must not silence it."""
        file = self._api_key_file
        return {"Authorization": f"Bearer {file.read_text().strip()}"} if file and file.exists() else {}

    async def _wait_for(self, lead_id: UUID) -> None:
        until = time.monotonic() + self._patience
        while time.monotonic() < until:
            async with self._database.reading() as unit:
                if await canaries.is_published(unit, lead_id):
                    return
            await asyncio.sleep(0.1)
        raise TimeoutError
