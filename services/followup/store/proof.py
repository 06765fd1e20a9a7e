"""What proves what was sent: the journal, and up to where the topic was compared with it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.followup import models
from shared.database import Rows, Transaction


async def positions(unit: Transaction) -> dict[int, int]:
    rows = await unit.fetch('SELECT partition, "offset" FROM topic_position')
    return {row["partition"]: row["offset"] for row in rows}


async def advance(unit: Transaction, found: Mapping[int, int]) -> None:
    await unit.execute(
        'INSERT INTO topic_position (partition, "offset") SELECT * FROM unnest($1::int[], $2::bigint[]) '
        'ON CONFLICT (partition) DO UPDATE SET "offset" = greatest(topic_position."offset", excluded."offset")',
        list(found),
        list(found.values()),
    )


async def rebuild(unit: Transaction, rows: Sequence[dict[str, Any]]) -> list[UUID]:
    """Journal rows the database does not have; returns their touches. Touches it still plans are ended: they were sent."""
    new = await unit.insert(models.Sent, rows, "ON CONFLICT DO NOTHING RETURNING touch_id")
    ids = [row["touch_id"] for row in new]
    await unit.execute(
        "UPDATE touch t SET state = 'sent', message_id = s.message_id, settled_at = s.at, reason = NULL FROM sent s "
        "WHERE s.touch_id = t.id AND t.id = ANY($1::uuid[]) AND t.state <> 'sent'",
        ids,
    )
    return ids


async def journal(unit: Transaction, since: datetime, after: UUID | None, limit: int) -> Rows:
    return await unit.fetch(
        "SELECT touch_id, message_id, at FROM sent WHERE at >= $1 AND ($2::uuid IS NULL OR touch_id > $2)"
        " ORDER BY touch_id LIMIT $3",
        since,
        after,
        limit,
    )


async def unpublished(unit: Transaction) -> set[str]:
    """Touches whose events still wait in the outbox: their topic cannot know them yet."""
    rows = await unit.fetch("SELECT convert_from(payload, 'UTF8')::jsonb ->> 'touch_id' AS touch_id FROM outbox")
    return {row["touch_id"] for row in rows if row["touch_id"]}


_CONTRADICTIONS = """
SELECT (SELECT count(*) FROM touch t WHERE t.state = 'sent' AND NOT EXISTS (SELECT 1 FROM sent s WHERE s.touch_id = t.id))
  AS unjournaled,
  (SELECT count(*) FROM sent s JOIN touch t ON t.id = s.touch_id WHERE t.state <> 'sent') AS unsettled,
  (SELECT count(*) FROM sent s WHERE s.told_by = 'answer' AND NOT EXISTS
    (SELECT 1 FROM attempt a WHERE a.touch_id = s.touch_id)) AS unintended"""


async def contradictions(unit: Transaction) -> list[tuple[str, int]]:
    """Where rows and journal disagree; all zero in a sound database."""
    row = await unit.row(_CONTRADICTIONS)
    return [
        ("touches that are sent but not in the journal", row["unjournaled"]),
        ("touches in the journal that are not sent", row["unsettled"]),
        ("journaled touches without an intent before them", row["unintended"]),
    ]
