"""A mail came in: a bounce, a complaint, a machine or a person. Each has its consequence once, however often it comes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.followup import store
from services.followup.adapters.provider_events import Told, read_events
from services.followup.adapters.verp import Verp
from services.followup.domain.bounces import Verdict, verdict_of
from services.followup.domain.incoming import ADDRESS, Incoming, Kind, complained, complainers, kind_of
from services.followup.domain.plans import REVOKED_BY_ONE_CLICK
from services.followup.use_cases.consent import Addresses, revoke, suppress_address, suppress_known, unsubscribe
from services.followup.use_cases.conversations import Conversations
from shared.database import Transaction
from shared.mail import written_address
from shared.signing import Signer

SOFT_WITHIN, SOFT_LIMIT, REST = timedelta(days=30), 3, timedelta(days=30)
_TOUCH_ID = re.compile(r"<([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@")
_OUR_LINK = re.compile(r"/u/([\w.-]+)")


@dataclass(frozen=True, slots=True)
class Inbound:
    addresses: Addresses
    verp: Verp
    signer: Signer
    conversations: Conversations
    journal: str | None = None  # a mailbox of ours that gets a copy of every mail

    async def hear_mail(self, unit: Transaction, mail: Incoming, now: datetime) -> str:
        """Returns what it was. The same bytes a second time are "known"."""
        ref = f"mail:{mail.digest}"
        use, touch = await self._about(unit, mail)
        kind = _kind(mail, use)
        touch_id = touch["id"] if touch else None
        if not await store.inbound.note(unit, ref, f"mail_{kind}", now, touch_id=touch_id):
            return "known"
        for told in _events_in(mail):
            await self.hear_event(unit, told, now)
        if kind == "bounce":
            await self._bounce(unit, mail, touch, ref, now)
        elif kind == "complaint" and complained(mail):
            await self._complaint(unit, mail, touch, ref, now)
        elif kind == "reply":
            await self._reply(unit, mail, use, touch, ref, now)
        return kind

    async def hear_event(self, unit: Transaction, told: Told, now: datetime) -> None:
        """The same from a provider's webhook."""
        address = written_address(told.address)
        ref = f"{told.ref}:{told.kind}:{self.addresses.sealed(told.address)}"
        if told.kind == "bounce":
            await self.bounced(unit, address, told.verdict, None, ref, now)
        elif told.kind == "complaint":
            for client in await store.clients.with_address(unit, "email", address):
                await self.complain(unit, client["id"], None, ref, now)
            await suppress_known(unit, self.addresses.of(address), "email", REVOKED_BY_ONE_CLICK, "complaint", now)
        elif told.kind == "unsubscribed":
            await self._unsubscribed(unit, address, ref, now)
        else:
            await store.inbound.note(unit, ref, "delivered", now, address_hash=self.addresses.of(address))

    async def _unsubscribed(self, unit: Transaction, address: str, ref: str, now: datetime) -> None:
        """By a link of the provider's own: the same as by ours."""
        digest = self.addresses.of(address)
        if await store.inbound.note(unit, ref, "unsubscribed", now, address_hash=digest):
            for known in await store.clients.with_address(unit, "email", address):
                await unsubscribe(unit, self.addresses, await store.clients.lock(unit, known["id"]), "email", now)
            await suppress_known(unit, digest, "email", REVOKED_BY_ONE_CLICK, "unsubscribed", now)

    async def _about(self, unit: Transaction, mail: Incoming) -> tuple[str, Any]:
        """Which touch it is about: by the address we gave it, else by the id of our own mail that came back or is answered."""
        for address in mail.recipients:
            if found := self.verp.read(address):
                return found[0], await store.inbound.touch(unit, found[1])
        ids = [mail.returned.get("message-id", ""), mail.headers.get("in-reply-to", ""), mail.headers.get("references", "")]
        for id in _TOUCH_ID.findall(" ".join(ids).lower())[:5]:
            if touch := await store.inbound.touch(unit, UUID(id)):
                return "", touch
        return "", None

    async def _bounce(self, unit: Transaction, mail: Incoming, touch: Any, ref: str, now: datetime) -> None:
        """A bounce to an address only we know speaks of where that touch went, whatever it calls it; or of our own copy."""
        for number, failure in enumerate(mail.failures):
            verdict = verdict_of(failure)
            for address in failure.addresses:
                name = f"{ref}:{number}:{self.addresses.sealed(address)}"
                await self.bounced(unit, written_address(address), verdict, touch, name, now)
        client = await store.clients.find(unit, touch["client_id"]) if touch else None
        email = str(client["contact"].get("email") or "") if client else ""
        is_theirs = bool(email) and touch["sent_to"] in (None, self.addresses.of(email))  # they may have another one by now
        named = {written_address(address).lower() for failure in mail.failures for address in failure.addresses}
        if is_theirs and not named & {email.lower(), (self.journal or email).lower()} and len(mail.failures) == 1:
            await self.bounced(unit, email, verdict_of(mail.failures[0]), touch, f"{ref}:touch", now)

    async def bounced(self, unit: Transaction, address: str, verdict: Verdict, touch: Any, ref: str, now: datetime) -> None:
        """hard: nothing goes there again. soft: three within a month, and it rests for a month. Others are only noted."""
        clients = await store.clients.with_address(unit, "email", address)
        if not clients or verdict == "unclear":
            return
        touch_id, digest = touch["id"] if touch else None, self.addresses.of(address)
        if not await store.inbound.note(unit, ref, f"bounced_{verdict}", now, touch_id=touch_id, address_hash=digest):
            return
        if verdict == "hard":
            await suppress_address(unit, self.addresses, "email", address, "hard_bounce", now)
        elif verdict == "soft" and await store.inbound.soft_bounces(unit, digest, now - SOFT_WITHIN) >= SOFT_LIMIT:
            await suppress_address(unit, self.addresses, "email", address, "mailbox_full", now, until=now + REST)

    async def _complaint(self, unit: Transaction, mail: Incoming, touch: Any, ref: str, now: datetime) -> None:
        who = [written_address(address) for address in complainers(mail)]
        named = [client for address in who for client in await store.clients.with_address(unit, "email", address)]
        ids = {client["id"] for client in named} or await self._whose(unit, mail, touch)
        for client_id in sorted(ids):
            await self.complain(unit, client_id, touch, ref, now)
        for address in who:
            await suppress_known(unit, self.addresses.of(address), "email", REVOKED_BY_ONE_CLICK, "complaint", now)

    async def _whose(self, unit: Transaction, mail: Incoming, touch: Any) -> set[UUID]:
        """The recipient is hidden: our own mail inside the report tells, by its id or by its link."""
        if touch:
            return {touch["client_id"]}
        found = set()
        for token in {token for link in mail.links for token in _OUR_LINK.findall(link)}:
            content = self.signer.open(token)
            if content is not None:
                found.add(UUID(content.partition(":")[0]))
        return found

    async def complain(self, unit: Transaction, client_id: UUID, touch: Any, ref: str, now: datetime) -> None:
        """They called it spam: no marketing again, and nobody lifts that by a click."""
        client = await store.clients.lock(unit, client_id)
        touch_id = touch["id"] if touch else None
        if client is None:
            return
        if await store.inbound.note(unit, f"{ref}:{client['id']}", "complained", now, touch_id=touch_id):
            await revoke(unit, self.addresses, client, "email", REVOKED_BY_ONE_CLICK, "complaint", now)

    async def _reply(self, unit: Transaction, mail: Incoming, use: str, touch: Any, ref: str, now: datetime) -> None:
        sender = _sender(mail)
        client = await store.clients.lock(unit, touch["client_id"]) if touch else None
        if client is None:
            known: Sequence[Any] = await store.clients.with_address(unit, "email", sender) if sender else ()
            client = await store.clients.lock(unit, known[0]["id"]) if known else None
        if use == "u":
            if client is not None:
                await unsubscribe(unit, self.addresses, client, "email", now)
            elif sender:
                await suppress_known(unit, self.addresses.of(sender), "email", REVOKED_BY_ONE_CLICK, "unsubscribed", now)
            return
        subject = mail.headers.get("subject", "")
        await self.conversations.hear(unit, client, touch, mail.whole, "email", sender, ref, now, subject=subject)


def _kind(mail: Incoming, use: str) -> Kind:
    """Only a button or a person writes to the address of a stop; the mail program that does it says that it is a machine."""
    kind = kind_of(mail)
    return "reply" if use == "u" and kind != "complaint" else kind


def _events_in(mail: Incoming) -> list[Told]:
    """Some providers mail their events as JSON."""
    if not mail.text.lstrip().startswith("{"):
        return []
    try:
        return read_events(mail.text.strip().partition("\n\n--")[0].encode())
    except (ValueError, KeyError, TypeError):
        return []


def _sender(mail: Incoming) -> str:
    found = ADDRESS.search(mail.headers.get("from", ""))
    return found[0] if found else ""
