"""Leads whose senders sent only a notice: fetch the answers, again and again until they are here."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import Counter, Gauge

from services.intake.adapters.graph_api import Gone, LeadSource, TryLater
from services.intake.adapters.senders.meta import read_lead
from services.intake.adapters.senders.post import Reading
from services.intake.domain.retries import is_gone, is_hopeless, next_attempt_at
from services.intake.store import endpoints as store
from services.intake.use_cases.hear_sender import Endpoints
from shared import telemetry
from shared.database import is_transient
from shared.group_commit import Overloaded

FETCHES = Counter("lead_fetches_total", "Answers asked of senders", ["outcome"])
OLDEST = Gauge("lead_fetch_oldest_seconds", "Age of the oldest lead whose answers are not here yet; pages")
LEASE = timedelta(minutes=2)
KEPT = timedelta(days=30)
AT_ONCE, LOOK_EVERY, MEASURE_EVERY = 20, 1.0, 30.0


@dataclass(frozen=True, slots=True)
class FetchLeads:
    """A job is done when its lead is stored, and not before."""

    endpoints: Endpoints
    source: LeadSource
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def run(self) -> None:
        measured_at = 0.0
        while True:
            try:
                while await self.fetch_due():
                    pass
                if time.monotonic() - measured_at > MEASURE_EVERY:
                    measured_at = time.monotonic()
                    await self._measure()
            except Exception as error:
                if not is_transient(error):
                    raise
            await asyncio.sleep(LOOK_EVERY)

    async def fetch_due(self) -> int:
        """What is due now. The lease keeps other replicas away, and ends by itself if this one dies."""
        now = self.now()
        async with self.endpoints.database.transaction() as unit:
            jobs = await store.claim_fetches(unit, AT_ONCE, now, now + LEASE)
        await asyncio.gather(*(self._fetch(job) for job in jobs))
        return len(jobs)

    async def _measure(self) -> None:
        async with self.endpoints.database.transaction() as unit:
            OLDEST.set(await store.oldest_fetch_seconds(unit))
            await store.forget_done_fetches(unit, self.now() - KEPT)

    async def _fetch(self, job: Any) -> None:
        try:
            reading = await self._ask(job)
            form = self.endpoints.forms.get(job["form"]) or self.endpoints.forms.get("api")
            if form is None:
                raise TryLater(f"there is no form {job['form']}", needs_people=True)
            await self.endpoints.keep(form, job["endpoint_id"], reading, self.now())
        except TryLater as error:
            await self._postpone(job, error)
        except Overloaded:
            await self._postpone(job, TryLater("intake is busy"))
        else:
            FETCHES.labels("given up" if reading.held else "fetched").inc()
            async with self.endpoints.database.transaction() as unit:
                await store.finish_fetch(unit, job["endpoint_id"], job["provider_id"], self.now())

    async def _ask(self, job: Any) -> Reading:
        """The lead; or, where there is no hope, the notice itself for people to look at."""
        provider_id = job["provider_id"]
        try:
            return replace(read_lead(await self.source.lead(provider_id)), provider_id=provider_id)
        except Gone as error:
            reason = str(error)
            if not is_gone(job["received_at"], self.now()):
                raise TryLater(reason, needs_people=True) from error
        except TryLater as error:
            if not is_hopeless(job["received_at"], self.now()):
                raise
            reason = error.reason
        return Reading(job["notice"] | {"external_id": provider_id}, provider_id, f"not fetched: {reason}")

    async def _postpone(self, job: Any, error: TryLater) -> None:
        FETCHES.labels("refused" if error.needs_people else "later").inc()
        say = telemetry.log().error if error.needs_people else telemetry.log().warning
        say("a lead's answers are not here yet", attempts=job["attempts"], reason=error.reason)
        at = next_attempt_at(self.now(), job["attempts"], error.after_seconds)
        async with self.endpoints.database.transaction() as unit:
            await store.postpone_fetch(unit, job["endpoint_id"], job["provider_id"], error.reason, at)
