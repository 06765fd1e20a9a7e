"""The loop closes: a client sends a friend, or wants their maintenance. Both become submissions that the ledger counts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from services.intake.adapters.contact_details import bare_email, e164
from services.intake.domain.deliveries import AS_SENT
from services.intake.domain.forms import LIMITS
from services.intake.store import persons, submissions
from shared.database import Transaction
from shared.envelope import Received

NAMES = ("first_name", "last_name", "postal_code")


@dataclass(frozen=True, slots=True)
class Loop:
    """`region`: of phone numbers without a country."""

    region: str

    async def hear_referral(self, unit: Transaction, received: list[Received], now: datetime) -> None:
        """A friend of a client. They consented to nothing yet."""
        senders = await persons.roots_of(unit, [one.event.client_id for one in received])  # type: ignore[attr-defined]
        rows = []
        for one in received:
            event: Any = one.event
            sender = senders.get(event.client_id)
            fields = self._fields(event)
            more = {"attribution": {"utm_source": "referral"}, "referred_by": str(sender) if sender else None}
            rows.append(_submission("referral", one, fields, more | {"answers": _as_sent(event.contact, fields)}, now))
        await submissions.keep_once(unit, rows)

    async def hear_maintenance(self, unit: Transaction, received: list[Received], now: datetime) -> None:
        """The client themselves; whoever was erased meanwhile stays forgotten."""
        heard: list[Any] = [one.event for one in received]
        roots = await persons.roots_of(unit, [event.client_id for event in heard])
        contacts = await submissions.contacts_of(unit, list(set(roots.values())))
        rows = []
        for event, one in zip(heard, received, strict=True):
            person_id = roots.get(event.client_id)
            if person_id is None:
                continue
            fields = {name: contacts[person_id][name] for name in (*NAMES, "email", "phone") if name in contacts[person_id]}
            more = {"attribution": {"utm_source": "followup"}, "person_id": str(person_id), "answers": {"trade": event.trade}}
            rows.append(_submission("maintenance", one, fields | {"selection": "maintenance"}, more, now))
        await submissions.keep_once(unit, rows)

    def _fields(self, event: Any) -> dict[str, str]:
        """As a form would have taken them."""
        contact = event.contact
        found = {name: (getattr(contact, name) or "").strip()[: LIMITS[name]] for name in NAMES}
        found["phone"] = e164(contact.phone, self.region) if contact.phone else None
        found["email"] = bare_email(contact.email.strip()) if contact.email else None
        found["message"] = event.message.strip()
        return {name: value for name, value in found.items() if value}


def _as_sent(contact: Any, fields: dict[str, str]) -> dict[str, str]:
    """What is no address or number stays as an answer: a person may see what was meant."""
    said = {name: (getattr(contact, name) or "").strip()[: LIMITS[name]] for name in ("email", "phone") if name not in fields}
    return {name + AS_SENT: value for name, value in said.items() if value}


def _submission(form: str, one: Received, fields: dict[str, str], more: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Its id follows from the event's, so that the same event never makes a second one."""
    reachable = bool(fields.get("email") or fields.get("phone"))
    content: dict[str, Any] = {
        "fields": fields,
        "answers": {},
        "attribution": {},
        "consents": [],
        "external_id": None,
        "test": False,
    }
    return {
        "id": uuid5(UUID(int=0), f"{one.source} {one.id}"),
        "form": form,
        "content": {"answers": {}, **content, **more},
        "received_at": now,
        "state": "waiting" if reachable else "quarantined",
        "reason": None if reachable else "no way to reach them",
    }
