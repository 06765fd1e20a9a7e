"""What people said, which addresses may not be used, and the planned touches that ends."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.followup import models
from shared.database import Rows, Transaction


async def all_suppressed(unit: Transaction, hashes: Collection[bytes], now: datetime) -> Rows:
    """Suppressions of these addresses that hold now."""
    return await unit.fetch(
        "SELECT * FROM suppression WHERE address_hash = ANY($1::bytea[]) AND (until IS NULL OR until > $2)", list(hashes), now
    )


async def suppress(unit: Transaction, rows: Sequence[dict[str, Any]], strengths: dict[str, int]) -> None:
    """Add suppressions; a weaker reason never replaces a stronger one."""
    found = await unit.insert(
        models.Suppression,
        rows,
        "ON CONFLICT (address_hash, channel, purpose) DO UPDATE SET reason = excluded.reason, at = excluded.at, "
        "until = excluded.until WHERE suppression.until IS NOT NULL AND excluded.until IS NULL "
        "OR suppression.until < excluded.at RETURNING purpose",
    )
    new = {row["purpose"] for row in found}
    for row in rows:
        if row["purpose"] not in new and strengths.get(row["reason"], 1) > 1:
            weaker = [reason for reason, strength in strengths.items() if strength >= strengths[row["reason"]]]
            await unit.execute(
                "UPDATE suppression SET reason = $4, at = $5, until = NULL WHERE address_hash = $1 AND channel = $2 "
                "AND purpose = $3 AND NOT reason = ANY($6::text[])",
                *(row[name] for name in ("address_hash", "channel", "purpose", "reason", "at")),
                weaker,
            )


async def lift(
    unit: Transaction, hashes: Collection[bytes], channel: str, purposes: Sequence[str], before: datetime, never: Sequence[str]
) -> int:
    """Remove opt-outs older than a newer consent. Reasons that nobody may undo stay."""
    found = await unit.fetch(
        "DELETE FROM suppression WHERE address_hash = ANY($1::bytea[]) AND channel = $2 AND purpose = ANY($3::text[]) "
        "AND at < $4 AND NOT reason = ANY($5::text[]) RETURNING 1",
        list(hashes),
        channel,
        purposes,
        before,
        never,
    )
    return len(found)


async def list_suppressions(unit: Transaction, hashes: Collection[bytes] | None, limit: int) -> Rows:
    """The newest first, with the client who has the address now."""
    return await unit.fetch(
        "SELECT * FROM suppression WHERE $1::bytea[] IS NULL OR address_hash = ANY($1::bytea[]) "
        "ORDER BY at DESC, address_hash, purpose LIMIT $2",
        list(hashes) if hashes is not None else None,
        limit,
    )


async def say(unit: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    await unit.insert(models.ConsentEvent, rows)


async def statements(unit: Transaction, hashes: Collection[bytes], client_ids: Collection[UUID]) -> Rows:
    """Everything said about these addresses or by these clients."""
    return await unit.fetch(
        "SELECT * FROM consent_event WHERE address_hash = ANY($1::bytea[]) OR client_id = ANY($2::uuid[])",
        list(hashes),
        list(client_ids),
    )


async def is_said_since(unit: Transaction, client_id: UUID, channel: str, purpose: str, at: datetime) -> bool:
    """Whether this client said anything about it then, or later."""
    query = "SELECT 1 FROM consent_event WHERE client_id = $1 AND channel = $2 AND purpose = $3 AND at >= $4 LIMIT 1"
    return await unit.value(query, client_id, channel, purpose, at) is not None


async def skip_planned(
    unit: Transaction, client_ids: Collection[UUID], channel: str, purposes: Sequence[str], reason: str, now: datetime
) -> Rows:
    """Planned touches that may no longer be sent become skipped; returns them."""
    return await unit.fetch(
        "UPDATE touch t SET state = 'skipped', reason = $4, settled_at = $5 FROM enrolment e WHERE e.id = t.enrolment_id "
        "AND t.client_id = ANY($1::uuid[]) AND t.channel = $2 AND t.state IN ('planned', 'paused') "
        "AND (t.purpose = ANY($3::text[]) OR 'all' = ANY($3::text[])) RETURNING t.*, e.subject",
        list(client_ids),
        channel,
        purposes,
        reason,
        now,
    )
