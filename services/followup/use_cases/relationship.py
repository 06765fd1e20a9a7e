"""What a client does for us or asks of us: sends somebody, wants the next service, says how it was. Each once."""

import hashlib
from datetime import datetime
from typing import Any
from uuid import UUID

from services.followup import store
from services.followup.use_cases.consent import SOURCE
from services.followup.use_cases.pauses import Pauses
from shared import events
from shared.database import Transaction
from shared.outbox import emit

LOW = 3  # of five: somebody is not happy, and a person should hear it today


async def receive_referral(
    unit: Transaction, client_id: UUID, lead_id: UUID, contact: events.Contact, message: str, ref: str, now: datetime
) -> bool:
    """A client sends somebody. Intake opens a lead for them, and no machine writes to them."""
    if not await store.inbound.note(unit, ref, "referred", now, client_id=client_id):
        return False
    event = events.ReferralReceived(client_id=client_id, lead_id=lead_id, contact=contact, message=message[:5_000])
    await emit(unit, [event], topic=events.FOLLOWUP, source=SOURCE, at=now, key=str(client_id))
    return True


async def request_maintenance(unit: Transaction, touch: Any, client_id: UUID, trade: str, now: datetime) -> bool:
    """They accept the next service. One request a touch, however often the button is pressed."""
    ref = f"maintenance:{touch['id']}"
    if not await store.inbound.note(unit, ref, "maintenance", now, touch_id=touch["id"], client_id=client_id):
        return False
    event = events.MaintenanceRequested(client_id=client_id, lead_id=touch["lead_id"], trade=trade)
    await emit(unit, [event], topic=events.FOLLOWUP, source=SOURCE, at=now, key=str(client_id))
    return True


async def hear_satisfaction(
    unit: Transaction, pauses: Pauses, touch: Any, client: Any, score: int, words: str, now: datetime
) -> None:
    """One to five. A low answer calls a person at once; whether we ask for a review never depends on it.

    Who answers again, in other words or with another score, is heard again: the newest counts.
    """
    ref = f"satisfaction:{touch['id']}:{hashlib.sha256(f'{score} {words}'.encode()).hexdigest()[:32]}"
    if not await store.inbound.note(
        unit, ref, "satisfaction", now, touch_id=touch["id"], client_id=client["id"], detail=str(score)
    ):
        return
    low = score <= LOW
    fact = {"client_id": client["id"], "kind": f"satisfaction.{'low' if low else 'high'}", "ref": str(touch["id"]), "at": now}
    await store.clients.forget_fact(unit, client["id"], f"satisfaction.{'high' if low else 'low'}", str(touch["id"]))
    await store.clients.know_facts(unit, [fact])
    if low:
        event = events.RecoveryNeeded(client_id=client["id"], lead_id=touch["lead_id"], reason=f"satisfaction {score} of 5")
        await emit(unit, [event], topic=events.FOLLOWUP, source=SOURCE, at=now, key=str(client["id"]))
    if words.strip():
        name = f"{client['contact'].get('first_name') or ''} {client['contact'].get('last_name') or ''}".strip() or "A client"
        await store.inbound.tell_company(
            unit, f"{name} gave us {score} of 5", words.strip(), now, reply_to=client["contact"].get("email")
        )
    await pauses.planner.plan(unit, [client["id"]], now)
