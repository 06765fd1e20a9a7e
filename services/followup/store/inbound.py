"""What comes back: whose touch it is about, whether it is known already, and mails to the company itself."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from services.followup import models
from shared.database import Rows, Transaction


async def touch(unit: Transaction, touch_id: UUID) -> Any:
    return await unit.row(
        "SELECT t.id, t.client_id, t.lead_id, t.plan, t.step, t.channel, t.purpose, t.state, e.anchors, "
        "s.address_hash AS sent_to "
        "FROM touch t JOIN enrolment e ON e.id = t.enrolment_id LEFT JOIN sent s ON s.touch_id = t.id WHERE t.id = $1",
        touch_id,
    )


async def note(
    unit: Transaction,
    ref: str,
    kind: str,
    now: datetime,
    *,
    touch_id: UUID | None = None,
    client_id: UUID | None = None,
    address_hash: bytes | None = None,
    detail: str = "",
) -> bool:
    """Keep that it happened, once. False where it is known already: then nothing follows from it."""
    row = {
        "ref": ref[:300],
        "kind": kind,
        "touch_id": touch_id,
        "client_id": client_id,
        "address_hash": address_hash,
        "detail": detail[:200],
        "at": now,
    }
    return bool(await unit.insert(models.DeliveryFact, [row], "ON CONFLICT DO NOTHING RETURNING ref"))


async def others(unit: Transaction, kind: str, client_id: UUID, ref: str, since: datetime) -> int:
    """How many of a client's we know since then; none matter to one that is known itself."""
    found: int = await unit.value(
        "SELECT count(*) FROM delivery_fact WHERE kind = $1 AND client_id = $2 AND at > $4 "
        "AND NOT EXISTS (SELECT 1 FROM delivery_fact WHERE ref = $3)",
        kind,
        client_id,
        ref,
        since,
    )
    return found


async def soft_bounces(unit: Transaction, address_hash: bytes, since: datetime) -> int:
    """Soft bounces since then, or since the last mail that arrived: that one wipes the slate."""
    found: int = await unit.value(
        "SELECT count(*) FROM delivery_fact WHERE address_hash = $1 AND kind = 'bounced_soft' AND at > greatest($2, coalesce("
        "(SELECT max(at) FROM delivery_fact WHERE address_hash = $1 AND kind = 'delivered'), '-infinity'::timestamptz))",
        address_hash,
        since,
    )
    return found


async def accepted(unit: Transaction, touch_ids: Sequence[UUID]) -> set[UUID]:
    """Touches about which somebody called us back: then they were taken."""
    rows = await unit.fetch("SELECT DISTINCT touch_id FROM delivery_fact WHERE touch_id = ANY($1::uuid[])", list(touch_ids))
    return {row["touch_id"] for row in rows}


async def tell_company(unit: Transaction, subject: str, text: str, now: datetime, *, reply_to: str | None = None) -> None:
    """A mail to ourselves, sent by the scheduler."""
    row = {"id": uuid7(), "subject": subject[:200], "text": text[:50_000], "reply_to": reply_to, "due_at": now}
    await unit.insert(models.Notice, [row])


async def due_notices(unit: Transaction, now: datetime) -> Rows:
    return await unit.fetch("SELECT * FROM notice WHERE due_at <= $1 ORDER BY due_at LIMIT 20 FOR UPDATE SKIP LOCKED", now)


async def notice_sent(unit: Transaction, id: UUID) -> None:
    await unit.execute("DELETE FROM notice WHERE id = $1", id)


async def notice_again(unit: Transaction, id: UUID, due_at: datetime) -> None:
    await unit.execute("UPDATE notice SET due_at = $2, attempt = attempt + 1 WHERE id = $1", id, due_at)


async def forget_notices(unit: Transaction, addresses: Sequence[str]) -> None:
    await unit.execute("DELETE FROM notice WHERE reply_to = ANY($1::text[])", addresses)
