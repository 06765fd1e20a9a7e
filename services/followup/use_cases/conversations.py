"""A person answered: the machine is quiet for a while, a person reads it, and what they ask for happens."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.followup import store
from services.followup.adapters.numbers import e164
from services.followup.domain.plans import REVOKED_BY_ONE_CLICK
from services.followup.domain.replies import named_in, own_words, wish_of
from services.followup.use_cases.consent import SOURCE, Addresses, revoke, suppress_known
from services.followup.use_cases.pauses import Pauses
from services.followup.use_cases.planning import company_of
from services.followup.use_cases.relationship import receive_referral
from shared import events
from shared.database import Transaction
from shared.outbox import emit


@dataclass(frozen=True, slots=True)
class Conversations:
    addresses: Addresses
    pauses: Pauses

    async def hear(
        self,
        unit: Transaction,
        client: Any,
        touch: Any,
        text: str,
        channel: str,
        sender: str,
        ref: str,
        now: datetime,
        *,
        subject: str = "",
    ) -> None:
        """Stop is obeyed at once; everything a person wrote goes to a person; their plans wait until the talk is over."""
        words = own_words(text)
        wish, sure = wish_of(words, subject)
        name = _name(client) if client is not None else "Somebody we do not know"
        hint = "" if wish != "stop" or sure else "This may mean: stop. We stopped; please see whether that was right.\n\n"
        if client is not None and not client["erased"]:
            if wish == "stop":
                await revoke(unit, self.addresses, client, channel, REVOKED_BY_ONE_CLICK, "replied stop", now)
            else:
                hint += await self._referral(unit, client, touch, words, sender, ref, now)
                await self._talk(unit, client, touch, now)
        elif client is None and wish == "stop" and sender:  # theirs, whoever has the address one day
            await suppress_known(unit, self.addresses.of(sender), channel, REVOKED_BY_ONE_CLICK, "replied stop", now)
        await store.inbound.tell_company(
            unit,
            f"{name} answered by {channel}",
            f"{hint}{words or subject or '(no text)'}\n\n{name}, {sender}",
            now,
            reply_to=sender or None,
        )

    async def _talk(self, unit: Transaction, client: Any, touch: Any, now: datetime) -> None:
        lead_id = touch["lead_id"] if touch else client["first_lead_id"]
        told = events.ReplyReceived(client_id=client["id"], lead_id=lead_id, touch_id=touch["id"] if touch else None, at=now)
        await emit(unit, [told], topic=events.FOLLOWUP, source=SOURCE, at=now, key=str(client["id"]))
        await self.pauses.hold(unit, "conversation.open", [(client["id"], "reply")], now)

    async def _referral(
        self, unit: Transaction, client: Any, touch: Any, words: str, sender: str, ref: str, now: datetime
    ) -> str:
        """Somebody they named: a task for a person. Nobody who did not ask is written to by a machine."""
        named, theirs = named_in(words), client["contact"]
        if named is None or named.is_called(theirs):
            return ""
        phone = e164(named.phone, (await company_of(unit)).country) if named.phone else None
        own = {str(one).casefold() for one in (sender, theirs.get("phone"), theirs.get("email"))}
        phone, email = (one if one and one.casefold() not in own else None for one in (phone, named.email))
        if phone is None and email is None:
            return ""
        contact = events.Contact(first_name=named.first_name, last_name=named.last_name, email=email, phone=phone)
        lead_id = touch["lead_id"] if touch else client["first_lead_id"]
        await receive_referral(unit, client["id"], lead_id, contact, words, f"referral:{ref}", now)
        return "They name somebody who may need us; that is a new lead now, and a person should call.\n\n"


def _name(client: Any) -> str:
    contact = client["contact"]
    return f"{contact.get('first_name') or ''} {contact.get('last_name') or ''}".strip() or "A client"
