"""Touches as a client sees them: what was and what is planned."""

from datetime import datetime
from uuid import UUID

from shared.database import Rows, Transaction


async def calendar(unit: Transaction, client_id: UUID, since: datetime, until: datetime) -> Rows:
    return await unit.fetch(
        "SELECT id AS touch_id, lead_id, plan, step, channel, purpose, due_at, state, reason, settled_at FROM touch "
        "WHERE client_id = $1 AND due_at >= $2 AND due_at < $3 ORDER BY due_at, id",
        client_id,
        since,
        until,
    )
