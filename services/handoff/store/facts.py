"""What happened, without personal data."""

from datetime import datetime
from typing import Any
from uuid import UUID

from shared.database import Rows, Transaction


async def journey(unit: Transaction, lead_id: UUID) -> Rows:
    return await unit.fetch("SELECT type, at, source, data FROM fact WHERE lead_id = $1 ORDER BY at, event_id", lead_id)


async def won(unit: Transaction, lead_id: UUID) -> Any:
    """What was said when the lead was won."""
    query = "SELECT data FROM fact WHERE lead_id = $1 AND type = 'leadhandoff.lead.won.v1' ORDER BY at LIMIT 1"
    return await unit.value(query, lead_id)


async def scoreboard(unit: Transaction, since: datetime, until: datetime) -> Rows:
    return await unit.fetch(
        "SELECT type, count(*) AS n, count(DISTINCT lead_id) AS leads FROM fact WHERE at >= $1 AND at < $2 "
        "AND NOT coalesce((data->>'test')::bool, FALSE) GROUP BY type",
        since,
        until,
    )


async def revenue(unit: Transaction, since: datetime, until: datetime) -> Rows:
    return await unit.fetch(
        "SELECT data->>'currency' AS currency, sum((data->>'amount')::numeric)::text AS amount FROM fact "
        "WHERE type = 'leadhandoff.lead.won.v1' AND at >= $1 AND at < $2 GROUP BY 1 ORDER BY 1",
        since,
        until,
    )
