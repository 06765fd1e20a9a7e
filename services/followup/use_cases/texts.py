"""A text came in, or the provider says what became of one: STOP, HELP and START are obeyed, the rest is a conversation."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.followup import store
from services.followup.domain.consent import EVERYTHING
from services.followup.domain.plans import PURPOSES
from services.followup.domain.replies import wish_of
from services.followup.use_cases.consent import Addresses, grant, revoke, suppress_address, suppress_known
from services.followup.use_cases.conversations import Conversations
from services.followup.use_cases.planning import company_of
from services.followup.use_cases.sending.ends import end_touches
from shared.database import Transaction

NO_TELEPHONE = ("30005", "30006")  # no such number any more; a landline


@dataclass(frozen=True, slots=True)
class Texts:
    addresses: Addresses
    conversations: Conversations

    async def hear(self, unit: Transaction, sender: str, body: str, ref: str, now: datetime) -> str | None:
        """Returns the one text to answer with, if any. It says that it is done, and advertises nothing."""
        if not await store.inbound.note(unit, f"sms:{ref}", "text_in", now, address_hash=self.addresses.of(sender)):
            return None
        company, (wish, sure) = await company_of(unit), wish_of(body)
        found = await store.clients.with_address(unit, "sms", sender)
        clients = await store.clients.lock_all(unit, {client["id"] for client in found})
        if wish == "help":
            return f"{company.name}: answer STOP to get no more texts. For help answer here or write to {company.sender}."
        if wish == "stop":
            before = await store.consent.all_suppressed(unit, [self.addresses.of(sender)], now)
            for client in clients.values():
                await revoke(unit, self.addresses, client, "sms", [EVERYTHING], "stop", now)
            await suppress_known(unit, self.addresses.of(sender), "sms", [EVERYTHING], "stop", now)
            if not sure:
                first = next(iter(clients.values()), None)
                await self.conversations.hear(unit, first, None, body, "sms", sender, ref, now)
            stopped = any(row["channel"] == "sms" and row["purpose"] == EVERYTHING for row in before)
            return None if stopped else f"{company.name}: you get no more texts from us."
        if wish == "start":
            for client in clients.values():
                await grant(unit, self.addresses, client, "sms", PURPOSES, "answered START", now)
                await store.clients.end_stop(unit, client["id"], now)
            await self.conversations.pauses.planner.plan(unit, list(clients), now)
            return f"{company.name}: you get our texts again. Answer STOP at any time." if clients else None
        await self.conversations.hear(unit, next(iter(clients.values()), None), None, body, "sms", sender, ref, now)
        return None

    async def note_status(
        self, unit: Transaction, touch_id: UUID, status: str, sid: str, now: datetime, *, number: str = "", code: str = ""
    ) -> None:
        """Any call about a text proves that it was taken: a lost answer is settled by it. Who cannot be texted is not again."""
        kind = {"delivered": "delivered", "undelivered": "undelivered", "failed": "undelivered"}.get(status, "accepted")
        new = await store.inbound.note(unit, f"sms:{sid}:{status}", kind, now, touch_id=touch_id, detail=status)
        touch = await store.sending.in_the_air(unit, touch_id)
        if touch is not None:
            await store.clients.lock_all(unit, {touch["client_id"]})
            await end_touches(unit, [(touch, "sent", None)], now, told_by="provider")
        if new and kind == "undelivered" and code in NO_TELEPHONE and number:
            await suppress_address(unit, self.addresses, "sms", number, "hard_bounce", now)
