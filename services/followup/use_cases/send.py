"""Sending: claim, gate, intent, send, result. A crash between intent and result is in doubt, settled by the plan's policy.

The one place where an effect cannot join a transaction, stated once: plain SMTP cannot promise exactly once (RFC 1047).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

from services.followup import store
from services.followup.adapters.mails import Unsendable, build_mail, message_id
from services.followup.adapters.rendering import Unrenderable
from services.followup.adapters.smtp import Answer
from services.followup.domain.gate import reason_not_to_send
from services.followup.use_cases.consent import SOURCE, Addresses
from services.followup.use_cases.messages import compose
from services.followup.use_cases.plan_book import PlanBook
from services.followup.use_cases.planning import company_of
from shared import events, telemetry
from shared.agreement import Company
from shared.database import Database, Transaction
from shared.outbox import emit
from shared.security import Signer

RETRY_MINUTES = (1, 5, 30, 120, 360)


@dataclass(frozen=True, slots=True)
class Sender:
    database: Database
    book: PlanBook
    addresses: Addresses
    signer: Signer
    base_url: str
    lease: timedelta
    deliver: Callable[[EmailMessage], Awaitable[Answer]]

    async def send(self, touch: Any, now: Callable[[], datetime]) -> None:
        """Take one claimed touch to its end."""
        async with self.database.transaction() as unit:
            mail = await self._intend(unit, touch, now())
        if mail is None:
            return
        answer = await self.deliver(mail)
        async with self.database.transaction() as unit:
            await self._record(unit, touch, answer, now())

    async def _intend(self, unit: Transaction, touch: Any, now: datetime) -> EmailMessage | None:
        """The gate and the intent are one transaction: an opt-out committed before it is always seen."""
        client = await store.clients.lock(unit, touch["client_id"])
        address = self.addresses.hash(touch["channel"], client["contact"])
        reason = reason_not_to_send(
            purpose=touch["purpose"],
            expires_at=touch["expires_at"],
            now=now,
            erased=client["erased"],
            has_address=address is not None,
            suppressed=await store.consent.suppressed(unit, address, touch["channel"]) if address else [],
        )
        if reason is not None:
            await self._end(unit, touch, "skipped", reason, now)
            return None
        try:
            mail = await self._mail(unit, touch, client["contact"], await company_of(unit), now)
        except (Unsendable, Unrenderable) as error:
            telemetry.log().error("touch cannot become a mail", touch_id=str(touch["id"]), error=str(error))
            await self._end(unit, touch, "failed", "unsendable", now)
            return None
        intended = await store.sending.intend(unit, touch["id"], touch["fence"], mail["Message-ID"], now + self.lease)
        return mail if intended else None

    async def _mail(
        self, unit: Transaction, touch: Any, contact: dict[str, Any], company: Company, now: datetime
    ) -> EmailMessage:
        token = self.signer.sign(f"{touch['client_id']}:{touch['channel']}")
        unsubscribe_url = f"{self.base_url}/u/{token}"
        anchors = (await store.enrolments.anchors(unit, [touch["enrolment_id"]]))[touch["enrolment_id"]]
        links = {"unsubscribe_url": unsubscribe_url}
        return build_mail(
            await compose(unit, self.book, touch, anchors, contact, company, links),
            sender=company.sender,
            contact=contact,
            unsubscribe_url=unsubscribe_url,
            id=message_id(str(touch["id"]), company.sender),
            at=now,
        )

    async def _record(self, unit: Transaction, touch: Any, answer: Answer, now: datetime) -> None:
        if answer.result == "sent":
            await self._end(unit, touch, "sent", None, now)
        elif answer.result == "again" and touch["attempt"] < len(RETRY_MINUTES):
            due_at = now + timedelta(minutes=RETRY_MINUTES[touch["attempt"]])
            await store.sending.plan_again(unit, touch["id"], touch["fence"], due_at)
        elif answer.result == "doubt":
            await self.settle_doubt(unit, touch, now)
        else:
            await self._end(unit, touch, "failed", f"refused {answer.detail}", now)

    async def settle_doubt(self, unit: Transaction, touch: Any, now: datetime) -> None:
        """Nobody knows whether it was sent. `drop` errs on silence; `resend` on a second mail of the same Message-ID."""
        plans = await self.book.versions(unit, {(touch["plan"], touch["plan_version"])})
        if any(plan.settle_doubt(touch["purpose"]) == "resend" for plan in plans.values()):
            await store.sending.plan_again(unit, touch["id"], touch["fence"], now)
        else:
            await self._end(unit, touch, "failed", "in_doubt", now)

    async def _end(self, unit: Transaction, touch: Any, state: str, reason: str | None, now: datetime) -> None:
        if not await store.sending.settle(unit, touch["id"], touch["fence"], state, reason, now):
            telemetry.log().warning("lease lost, somebody else settles the touch", touch_id=str(touch["id"]))
            return
        names = ("client_id", "lead_id", "plan", "step", "channel")
        common = {"touch_id": touch["id"], "at": now, **{name: touch[name] for name in names}}
        event: events.Event
        if state == "sent":
            event = events.TouchSent(**common, message_id=await store.sending.message_id(unit, touch["id"]))
        elif state == "skipped":
            event = events.TouchSkipped(**common, reason=reason or "")
        else:
            event = events.TouchFailed(**common, reason=reason or "")
        await emit(unit, [event], topic=events.FOLLOWUP, source=SOURCE, at=now, key=str(touch["client_id"]))
