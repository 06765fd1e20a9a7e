"""Time in: what is due."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from prometheus_client import Counter

from services.handoff import store
from services.handoff.adapters.links import Links
from services.handoff.adapters.smtp import Mailer
from services.handoff.use_cases.agreements import publish_again
from services.handoff.use_cases.board import follow_facts
from services.handoff.use_cases.clocks import handle_due_timers
from services.handoff.use_cases.mails import claim_mails, settle_mails
from services.handoff.use_cases.outcomes import end_waits, give_up_waiting
from services.handoff.use_cases.watch import watch_routing
from shared import inbox, telemetry
from shared.database import Database, Transaction, is_transient

MAILS = Counter("rep_mails_total", "Mails to reps", ["result"])
Work = Callable[[Transaction, datetime], Awaitable[int | None]]


async def _follow_facts(unit: Transaction, now: datetime) -> int:
    return await follow_facts(unit)


async def _forget_inbox(unit: Transaction, now: datetime) -> int:
    return await inbox.purge(unit, before=now - inbox.KEPT)


class Scheduler:
    """`mailer`: None where mails to reps are off; what is due is then forgotten."""

    def __init__(self, database: Database, links: Links, mailer: Mailer | None) -> None:
        self._database, self._links, self._mailer = database, links, mailer

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

    async def mails(self) -> None:
        """Claim and commit, send, record: a crash in between sends a mail twice, never not at all.

        Claims come at a pace: what is offered meanwhile goes out together, to each rep in one mail where it is a crowd.
        """
        while True:
            try:
                while await self._send_mails():
                    pass
            except Exception as error:
                if not is_transient(error):
                    raise
                telemetry.log().warning("mails wait for the database", error=repr(error)[:200])
            await asyncio.sleep(0.7 + random.random() * 0.1)  # noqa: S311  jitter

    async def _send_mails(self) -> bool:
        """Returns whether more may be due."""
        now = datetime.now(UTC)
        async with self._database.transaction() as unit:
            if self._mailer is None:
                return bool(await store.mails.discard_due(unit, now))
            outgoing, more = await claim_mails(unit, self._links, now)
        if outgoing:
            answers = await self._mailer.send([one.mail for one in outgoing])
            for answer in answers:
                MAILS.labels(answer).inc()
            async with self._database.transaction() as unit:
                await settle_mails(unit, outgoing, answers)
        return more

    async def tidy(self) -> None:
        while True:
            await self._once(publish_again)
            await self._once(give_up_waiting)
            await self._once(watch_routing)
            await self._once(_forget_inbox)
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
