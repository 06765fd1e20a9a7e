"""The fence: after a start nothing is sent until journal and opt-outs have caught up with followup.touches.v1, and what
was said to the others meanwhile was read.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from aiokafka.errors import KafkaError
from prometheus_client import Gauge

from services.followup import store
from services.followup.adapters.topic import read_to_end, wait_until_read
from services.followup.settings import Settings
from services.followup.use_cases.consent import Addresses
from services.followup.use_cases.proof import compare
from shared import telemetry
from shared.database import Database, is_transient

FENCED = Gauge("followup_fenced", "1: nothing is sent until the journal agrees with its topic")
AGAIN_SECONDS = 300.0


@dataclass
class Fence:
    settings: Settings
    database: Database
    addresses: Addresses
    group: str = ""  # who reads, and
    topics: Collection[str] = ()  # what: stops, complaints and erasures are there
    is_open: bool = False

    async def may_send(self) -> bool:
        return self.is_open

    async def run(self) -> None:
        """Once before anything is sent; then now and then, so that the next start has little to read."""
        backoff = 0.2
        while True:
            FENCED.set(not self.is_open)
            try:
                await self.catch_up()
                if self.topics and not self.is_open:
                    await wait_until_read(self.settings, self.group, self.topics)
                self.is_open, backoff = True, AGAIN_SECONDS
            except (KafkaError, OSError, TimeoutError) as error:
                telemetry.log().warning("the journal waits for its topic", error=repr(error)[:200], fenced=not self.is_open)
                backoff = min(backoff * 2, 1.0) if not self.is_open else AGAIN_SECONDS
            except Exception as error:
                if not is_transient(error):
                    raise
            await asyncio.sleep(backoff)

    async def catch_up(self) -> int:
        """Returns how many sent touches the journal did not know."""
        async with self.database.reading() as unit:
            positions = await store.proof.positions(unit)
        missing = 0
        async for received, reached in read_to_end(self.settings, positions):
            async with self.database.transaction() as unit:
                missing += await compare(unit, self.addresses, received, reached, datetime.now(UTC))
        return missing
