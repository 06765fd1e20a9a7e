"""An opt-out: a row that outlives the client, planned touches skipped, and a sentence to everybody else."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.followup import store
from services.followup.domain.plans import REVOKED_BY_ONE_CLICK
from shared import events
from shared.database import Transaction
from shared.outbox import emit

SOURCE = "/followup"


class Addresses:
    """Hashes addresses with the installation's secret: a suppression names nobody."""

    def __init__(self, secret: bytes) -> None:
        self._secret = hmac.digest(secret, b"suppression", "sha256")

    def hash(self, channel: str, contact: dict[str, Any]) -> bytes | None:
        value = contact.get("email") if channel == "email" else contact.get("phone")
        if not value:
            return None
        return hmac.new(self._secret, str(value).casefold().encode("utf-8", "surrogatepass"), hashlib.sha256).digest()


async def unsubscribe(unit: Transaction, addresses: Addresses, client: Any, channel: str, now: datetime) -> None:
    """One click: no review, referral, marketing or newsletter on this channel. Mail about the client's own job goes on."""
    await suppress_client(unit, addresses, client, channel, REVOKED_BY_ONE_CLICK, "unsubscribed", now)
    revoked = [
        events.ConsentRevoked(person_id=client["id"], channel=channel, purpose=purpose, reason="unsubscribed")
        for purpose in REVOKED_BY_ONE_CLICK
    ]
    await emit(unit, revoked, topic=events.FOLLOWUP, source=SOURCE, at=now, key=str(client["id"]))


async def suppress_client(
    unit: Transaction, addresses: Addresses, client: Any, channel: str, purposes: Sequence[str], reason: str, now: datetime
) -> None:
    address_hash = addresses.hash(channel, client["contact"])
    if address_hash is not None:
        await store.consent.suppress(unit, address_hash, channel, purposes, reason, now)
    skipped = [
        events.TouchSkipped(
            client_id=row["client_id"],
            lead_id=row["lead_id"],
            touch_id=row["id"],
            plan=row["plan"],
            step=row["step"],
            channel=row["channel"],
            at=now,
            reason="opt_out",
        )
        for row in await store.consent.skip_planned(unit, client["id"], channel, purposes, now)
    ]
    await emit(unit, skipped, topic=events.FOLLOWUP, source=SOURCE, at=now, key=str(client["id"]))
