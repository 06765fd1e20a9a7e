"""Touches as a client sees them: what was and what is planned."""

from datetime import datetime
from uuid import UUID

from shared.database import Rows, Transaction


async def calendar(unit: Transaction, client_id: UUID, since: datetime, until: datetime) -> Rows:
    return await unit.fetch(
        "SELECT id AS touch_id, lead_id, plan, plan_version, step, cycle, channel, purpose, local_date, local_time, zone, "
        "due_at, expires_at, state, reason, notes, settled_at FROM touch WHERE client_id = $1 AND due_at >= $2 AND due_at < $3 "
        "ORDER BY due_at, id LIMIT 5000",
        client_id,
        since,
        until,
    )
