"""Suppressions, and the planned touches they end."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.followup import models
from shared.database import Rows, Transaction


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
        "AND state IN ('planned', 'paused', 'claimed') AND (purpose = ANY($3::text[]) OR 'all' = ANY($3::text[])) RETURNING *",
        client_id,
        channel,
        purposes,
        now,
    )


async def all_suppressed(unit: Transaction, hashes: Sequence[bytes]) -> Rows:
    return await unit.fetch("SELECT address_hash, channel, purpose FROM suppression WHERE address_hash = ANY($1)", list(hashes))
