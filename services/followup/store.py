"""Every query of followup."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.followup import models
from shared.database import Rows, Transaction


async def adopt_agreement(unit: Transaction, *, hash: str, text: str, at: datetime) -> None:
    await unit.insert(
        models.AgreementVersion,
        [{"hash": hash, "text": text, "at": at}],
        "ON CONFLICT (hash) DO UPDATE SET at = greatest(agreement.at, excluded.at)",
    )


async def current_agreement(unit: Transaction) -> str | None:
    found = await unit.value("SELECT text FROM agreement ORDER BY at DESC LIMIT 1")
    return str(found) if found is not None else None


async def create_client(unit: Transaction, client: dict[str, Any]) -> bool:
    """Make a client of a person, once. Returns whether it was new."""
    rows = await unit.insert(models.Client, [client], "ON CONFLICT (id) DO NOTHING RETURNING id")
    return bool(rows)


async def know_lead(unit: Transaction, lead_id: UUID, client_id: UUID) -> None:
    await unit.insert(models.ClientLead, [{"lead_id": lead_id, "client_id": client_id}], "ON CONFLICT DO NOTHING")


async def client_of(unit: Transaction, lead_id: UUID) -> Any:
    """The client of a lead, locked, so that what happens to them happens in turn."""
    return await unit.row(
        "SELECT c.* FROM client c JOIN client_lead l ON l.client_id = c.id WHERE l.lead_id = $1 FOR UPDATE OF c", lead_id
    )


async def client(unit: Transaction, client_id: UUID) -> Any:
    return await unit.row("SELECT * FROM client WHERE id = $1", client_id)


async def enrol(unit: Transaction, enrolment: dict[str, Any]) -> bool:
    return bool(await unit.insert(models.Enrolment, [enrolment], "ON CONFLICT DO NOTHING RETURNING id"))


async def claim_due(unit: Transaction, now: datetime, *, limit: int, lease: timedelta) -> Rows:
    """Take due touches for this worker. Planner settings: with stale statistics it would sort the whole backlog."""
    await unit.execute("SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")
    return await unit.fetch(
        "UPDATE touch SET state = 'claimed', fence = fence + 1, lease_until = $3 WHERE id = ANY(ARRAY("
        "SELECT id FROM touch WHERE state = 'planned' AND due_at <= $1 ORDER BY due_at, id LIMIT $2 "
        "FOR UPDATE SKIP LOCKED)) RETURNING *",
        now,
        limit,
        now + lease,
    )


async def take_back_unsent(unit: Transaction, now: datetime) -> None:
    """Claimed by a worker that died before it intended to send: nothing happened."""
    await unit.execute("UPDATE touch SET state = 'planned' WHERE state = 'claimed' AND lease_until < $1", now)


async def in_doubt(unit: Transaction, now: datetime) -> Rows:
    """Intended by a worker that died: nobody knows whether it was sent."""
    return await unit.fetch(
        "SELECT * FROM touch WHERE state = 'sending' AND lease_until < $1 ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED", now
    )


async def suppressed(unit: Transaction, address_hash: bytes, channel: str) -> list[str]:
    rows = await unit.fetch("SELECT purpose FROM suppression WHERE address_hash = $1 AND channel = $2", address_hash, channel)
    return [row["purpose"] for row in rows]


async def suppress(
    unit: Transaction, address_hash: bytes, channel: str, purposes: Sequence[str], reason: str, now: datetime
) -> None:
    rows = [
        {"address_hash": address_hash, "channel": channel, "purpose": purpose, "reason": reason, "at": now}
        for purpose in purposes
    ]
    await unit.insert(models.Suppression, rows, "ON CONFLICT DO NOTHING")


async def skip_planned(unit: Transaction, client_id: UUID, channel: str, purposes: Sequence[str], now: datetime) -> Rows:
    """Planned touches that may no longer be sent become skipped; returns them. No purposes: every touch."""
    return await unit.fetch(
        "UPDATE touch SET state = 'skipped', reason = 'opt_out', settled_at = $4 WHERE client_id = $1 AND channel = $2 "
        "AND state IN ('planned', 'claimed') AND (purpose = ANY($3::text[]) OR 'all' = ANY($3::text[])) RETURNING *",
        client_id,
        channel,
        purposes,
        now,
    )


async def intend(unit: Transaction, touch_id: UUID, fence: int, message_id: str, lease_until: datetime) -> bool:
    """Commit the intent to send. False where the lease was lost."""
    found = await unit.value(
        "UPDATE touch SET state = 'sending', attempt = attempt + 1, message_id = $3, lease_until = $4 "
        "WHERE id = $1 AND fence = $2 AND state = 'claimed' RETURNING id",
        touch_id,
        fence,
        message_id,
        lease_until,
    )
    return found is not None


async def settle(unit: Transaction, touch_id: UUID, fence: int, state: str, reason: str | None, now: datetime) -> bool:
    """Write the end of a touch. False where the lease was lost: then somebody else settles it."""
    found = await unit.value(
        "UPDATE touch SET state = $3, reason = $4, settled_at = $5 WHERE id = $1 AND fence = $2 "
        "AND state IN ('claimed', 'sending') RETURNING id",
        touch_id,
        fence,
        state,
        reason,
        now,
    )
    return found is not None


async def plan_again(unit: Transaction, touch_id: UUID, fence: int, due_at: datetime) -> None:
    await unit.execute(
        "UPDATE touch SET state = 'planned', due_at = $3 WHERE id = $1 AND fence = $2 AND state = 'sending'",
        touch_id,
        fence,
        due_at,
    )


async def calendar(unit: Transaction, client_id: UUID, since: datetime, until: datetime) -> Rows:
    return await unit.fetch(
        "SELECT id AS touch_id, lead_id, plan, step, channel, purpose, due_at, state, reason, settled_at FROM touch "
        "WHERE client_id = $1 AND due_at >= $2 AND due_at < $3 ORDER BY due_at, id",
        client_id,
        since,
        until,
    )


async def lock_client(unit: Transaction, client_id: UUID) -> Any:
    """The client, locked, so that what happens to them happens in turn."""
    return await unit.row("SELECT * FROM client WHERE id = $1 FOR UPDATE", client_id)


async def message_id(unit: Transaction, touch_id: UUID) -> str:
    return str(await unit.value("SELECT message_id FROM touch WHERE id = $1", touch_id))
