"""The queries about endpoints, and about leads still to be fetched from their senders."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.intake import models
from shared.database import Rows, Transaction


async def add(unit: Transaction, row: dict[str, Any]) -> None:
    await unit.insert(models.Endpoint, [row])


async def usable(unit: Transaction, endpoint_id: str) -> Any:
    query = "SELECT id, kind, form, secret, old_secret, verify_token FROM endpoint WHERE id = $1 AND disabled_at IS NULL"
    return await unit.row(query, endpoint_id)


async def every(unit: Transaction) -> Rows:
    return await unit.fetch(
        "SELECT id, kind, form, secret IS NOT NULL AS secret, old_secret IS NOT NULL AS old_secret, created_at, disabled_at "
        "FROM endpoint ORDER BY created_at, id"
    )


async def rotate(unit: Transaction, endpoint_id: str, secret: str) -> bool:
    """The new secret is in force at once, the last one stays until the next rotation or `drop_old`."""
    query = "UPDATE endpoint SET old_secret = secret, secret = $2 WHERE id = $1 AND disabled_at IS NULL RETURNING id"
    return bool(await unit.value(query, endpoint_id, secret))


async def drop_old(unit: Transaction, endpoint_id: str) -> bool:
    return bool(await unit.value("UPDATE endpoint SET old_secret = NULL WHERE id = $1 RETURNING id", endpoint_id))


async def disable(unit: Transaction, endpoint_id: str, now: datetime) -> bool:
    query = "UPDATE endpoint SET disabled_at = $2 WHERE id = $1 AND disabled_at IS NULL RETURNING id"
    return bool(await unit.value(query, endpoint_id, now))


async def note_fetches(unit: Transaction, endpoint_id: str, notices: Sequence[tuple[str, Any]], now: datetime) -> None:
    """Each lead once, however often its notice comes."""
    rows = [
        {"endpoint_id": endpoint_id, "provider_id": provider_id, "notice": notice, "received_at": now, "next_at": now}
        for provider_id, notice in dict(notices).items()
    ]
    await unit.insert(models.LeadFetch, rows, "ON CONFLICT DO NOTHING")


async def claim_fetches(unit: Transaction, limit: int, now: datetime, lease_until: datetime) -> Rows:
    """What is due, for this replica alone until the lease ends."""
    return await unit.fetch(
        "UPDATE lead_fetch f SET attempts = attempts + 1, next_at = $3 FROM ("
        "SELECT endpoint_id, provider_id FROM lead_fetch WHERE done_at IS NULL AND next_at <= $2 "
        "ORDER BY next_at LIMIT $1 FOR UPDATE SKIP LOCKED) due "
        "WHERE f.endpoint_id = due.endpoint_id AND f.provider_id = due.provider_id "
        "RETURNING f.endpoint_id, f.provider_id, f.notice, f.received_at, f.attempts, "
        "(SELECT form FROM endpoint e WHERE e.id = f.endpoint_id) AS form",
        limit,
        now,
        lease_until,
    )


async def postpone_fetch(unit: Transaction, endpoint_id: str, provider_id: str, error: str, next_at: datetime) -> None:
    query = "UPDATE lead_fetch SET error = $3, next_at = $4 WHERE endpoint_id = $1 AND provider_id = $2"
    await unit.execute(query, endpoint_id, provider_id, error[:300], next_at)


async def finish_fetch(unit: Transaction, endpoint_id: str, provider_id: str, now: datetime) -> None:
    query = "UPDATE lead_fetch SET done_at = $3, error = NULL, notice = '{}' WHERE endpoint_id = $1 AND provider_id = $2"
    await unit.execute(query, endpoint_id, provider_id, now)


async def oldest_fetch_seconds(unit: Transaction) -> float:
    found = await unit.value("SELECT extract(epoch FROM now() - min(received_at)) FROM lead_fetch WHERE done_at IS NULL")
    return float(found or 0)


async def forget_done_fetches(unit: Transaction, before: datetime) -> None:
    await unit.execute("DELETE FROM lead_fetch WHERE done_at < $1", before)
