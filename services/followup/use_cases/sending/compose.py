"""A touch and its client become bytes: rendered, put into an envelope, signed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.followup.adapters.dkim import Dkim
from services.followup.adapters.letters import Letter
from services.followup.adapters.message import Letterhead, mail_headers, message_id
from services.followup.adapters.rendering import Rendered
from services.followup.adapters.sms import Text
from services.followup.adapters.smtp import Mail
from services.followup.adapters.verp import Verp
from shared.agreement import Company
from shared.mail import Unsendable, alternatives, joined, one_line, wire_address
from shared.signing import Signer


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What one channel sends for one touch, under an id that is fixed for the life of the touch."""

    touch: Any
    message_id: str
    recipient: str
    message: Mail | Text | Letter


@dataclass(frozen=True, slots=True)
class Composer:
    signer: Signer
    base_url: str
    verp: Verp
    dkim: Dkim | None = None
    journal: str | None = None
    idempotency_header: str | None = None

    def outgoing(
        self,
        touch: Any,
        rendered: Rendered,
        links: Mapping[str, str],
        contact: Any,
        company: Company,
        now: datetime,
        lease_until: datetime,
    ) -> Outgoing:
        """`links` are those of this touch. Raises Unsendable: this client can never get it on this channel."""
        if touch["channel"] == "sms":
            return self._text(touch, rendered, contact, lease_until)
        if touch["channel"] == "post":
            return _letter(touch, rendered, contact)
        has_inbox = self.verp.inbox is not None
        head = Letterhead(
            company.sender,
            reply_to=self.verp.address("r", touch["id"]) if has_inbox else None,
            feedback_id=f"{touch['plan']}:{touch['step']}:followup",
        )
        id = message_id(str(touch["id"]), head.domain)
        stop_by_mail = [f"mailto:{self.verp.address('u', touch['id'])}?subject=stop"] if has_inbox else []
        headers = mail_headers(
            head,
            contact=contact,
            subject=rendered.subject,
            id=id,
            at=now,
            unsubscribe=[links["unsubscribe_url"], *stop_by_mail],
            kind=touch["purpose"],
        )
        content = self._signed(headers, rendered, touch["id"], now)
        recipient = wire_address(contact.get("email") or "")
        sender = self.verp.address("b", touch["id"]) if has_inbox else head.address
        return Outgoing(touch, id, recipient, Mail(sender, recipient, content, self.journal, lease_until.timestamp()))

    def _text(self, touch: Any, rendered: Rendered, contact: Any, lease_until: datetime) -> Outgoing:
        """A text, and where the provider tells what became of it."""
        number = str(contact.get("phone") or "")
        if not rendered.texted or not number.startswith("+"):
            raise Unsendable("the template has no text message, or the client no number")
        id = str(touch["id"])
        text = Text(number, rendered.texted, f"{self.base_url}/inbound/sms/{id}", id, lease_until.timestamp())
        return Outgoing(touch, id, number, text)

    def _signed(self, headers: list[tuple[str, str]], rendered: Rendered, touch_id: UUID, now: datetime) -> bytes:
        if self.idempotency_header:
            headers.append((self.idempotency_header, str(touch_id)))
        kind, body = alternatives(rendered.text, rendered.html, boundary=f"=_{touch_id.hex}")
        headers.append(("Content-Type", kind))
        if self.dkim is not None:
            signature = self.dkim.signature(headers, body, at=int(now.timestamp()))
            headers = [("DKIM-Signature", signature), *headers]
        return joined(headers, body)

    def links(self, client_id: UUID, touch_id: UUID, channel: str) -> dict[str, str]:
        """Every address of ours that a message can name. Looking at any of them changes nothing."""
        token = self.signer.sign(f"{client_id}:{channel}")
        touch = self.signer.sign(f"{client_id}:{channel}:{touch_id}")
        return {
            "unsubscribe_url": f"{self.base_url}/u/{token}",
            "preferences_url": f"{self.base_url}/u/{token}/preferences",
            "referral_url": f"{self.base_url}/r/{touch}",
            "satisfaction_url": f"{self.base_url}/s/{touch}",
            "maintenance_url": f"{self.base_url}/m/{touch}",
        }


def _letter(touch: Any, rendered: Rendered, contact: Any) -> Outgoing:
    address = str(contact.get("address") or "").strip()
    if not address:
        raise Unsendable("the client has no postal address")
    name = one_line(f"{contact.get('first_name') or ''} {contact.get('last_name') or ''}")
    return Outgoing(touch, str(touch["id"]), address, Letter(name, address, rendered.written))
