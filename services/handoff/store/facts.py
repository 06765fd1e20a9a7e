"""What happened, without personal data."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.handoff import models
from shared.database import Rows, Transaction

MARK_DUE = "INSERT INTO board_due (lead_id) SELECT DISTINCT lead_id FROM {rows} WHERE lead_id IS NOT NULL"


async def keep(unit: Transaction, facts: Sequence[dict[str, Any]], *, again: bool) -> None:
    """Facts, and that the scoreboard's lines of their leads are due. `again`: some may be there already."""
    await unit.insert(models.Fact, facts, f"{'ON CONFLICT DO NOTHING' if again else ''} RETURNING lead_id", then=MARK_DUE)


async def journey(unit: Transaction, lead_id: UUID) -> Rows:
    return await unit.fetch("SELECT type, at, source, data FROM fact WHERE lead_id = $1 ORDER BY at, event_id", lead_id)


async def last(unit: Transaction, lead_id: UUID, kind: str) -> Any:
    """What was said when this happened to the lead last."""
    query = "SELECT data FROM fact WHERE lead_id = $1 AND type = $2 ORDER BY at DESC, event_id DESC LIMIT 1"
    return await unit.value(query, lead_id, f"leadhandoff.{kind}.v1")
