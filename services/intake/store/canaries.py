"""Canary leads: whether they came through, and sweeping up after them."""

from datetime import datetime, timedelta
from uuid import UUID

from shared.database import Transaction

MOST = timedelta(days=8)  # how far back to look: older ones were swept up long ago


async def is_published(unit: Transaction, lead_id: UUID) -> bool:
    """Decided, whatever the agreement makes of it, and none of its events waits for the broker."""
    found = await unit.value(
        "SELECT NOT EXISTS (SELECT 1 FROM outbox WHERE key = $2) FROM lead l WHERE l.id = $1",
        lead_id,
        str(lead_id),
    )
    return bool(found)


async def forget(unit: Transaction, before: datetime) -> None:
    rows = await unit.fetch(
        "SELECT s.id, l.person_id FROM submission s JOIN lead l ON l.id = s.id WHERE s.test AND s.received_at >= $2 "
        "AND s.received_at < $1 AND s.content->>'external_id' LIKE 'canary-%' LIMIT 1000",
        before,
        before - MOST,
    )
    ids = [row["id"] for row in rows]
    for query in (
        "DELETE FROM score_entry WHERE lead_id = ANY($1::uuid[])",
        "DELETE FROM lead WHERE id = ANY($1::uuid[])",
        "DELETE FROM submission WHERE id = ANY($1::uuid[])",
    ):
        await unit.execute(query, ids)
    await unit.execute("DELETE FROM person WHERE id = ANY($1::uuid[])", [row["person_id"] for row in rows])
