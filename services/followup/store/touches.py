"""Touches as a client sees them: what was and what is planned."""

from collections.abc import Collection
from datetime import date, datetime
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


async def of_step(unit: Transaction, client_id: UUID, step: str) -> Rows:
    return await unit.fetch("SELECT * FROM touch WHERE client_id = $1 AND step = $2 ORDER BY due_at, id", client_id, step)


async def sent_since(unit: Transaction, household_ids: Collection[UUID], since: date) -> Rows:
    """What these households got, or are being sent at this moment."""
    return await unit.fetch(
        "SELECT t.*, c.household_id FROM touch t JOIN client c ON c.id = t.client_id WHERE c.household_id = ANY($1) "
        "AND t.due_at >= $2::date - 45 AND coalesce(t.settled_at, t.due_at) >= $2 AND t.state IN ('claimed', 'sending', 'sent')",
        list(household_ids),
        since,
    )


async def give_back(unit: Transaction, touch_ids: Collection[UUID], due_at: datetime) -> None:
    """Claimed, and not to be sent now: planned again, as if nobody had tried."""
    await unit.execute(
        "UPDATE touch SET state = 'planned', attempt = 0, due_at = $2 WHERE id = ANY($1) AND state = 'claimed'",
        list(touch_ids),
        due_at,
    )
