"""The ledger: every stored submission in exactly one state, and whether leads say the same."""

from datetime import datetime

from shared.database import Rows, Transaction

STATES = ("waiting", "open", "closed", "merged", "quarantined", "disqualified", "erased")
MOST_HOURS = 10_000
WITHIN = "($1::timestamptz IS NULL OR received_at >= $1) AND ($2::timestamptz IS NULL OR received_at < $2)"
AGREES = """CASE s.state
  WHEN 'open' THEN l.stage NOT IN ('won', 'lost', 'disqualified', 'merged')
  WHEN 'closed' THEN l.stage IN ('won', 'lost')
  WHEN 'merged' THEN s.merged_into IS NOT NULL AND (l.id IS NULL OR l.stage = 'merged')
  WHEN 'disqualified' THEN l.id IS NULL OR l.stage = 'disqualified'
  ELSE l.id IS NULL END"""


async def totals(unit: Transaction, since: datetime | None, until: datetime | None) -> Rows:
    query = f"SELECT test, state, count(*) AS n FROM submission WHERE {WITHIN} GROUP BY 1, 2"  # noqa: S608
    return await unit.fetch(query, since, until)


async def by_form_and_hour(unit: Transaction, since: datetime | None, until: datetime | None) -> Rows:
    """The newest hours first."""
    counts = ", ".join(f"count(*) FILTER (WHERE state = '{state}') AS {state}" for state in STATES)
    return await unit.fetch(
        f"SELECT test, form, date_trunc('hour', received_at) AS hour, count(*) AS received, {counts} FROM submission "  # noqa: S608
        f"WHERE {WITHIN} GROUP BY 1, 2, 3 ORDER BY 3 DESC, 2 LIMIT {MOST_HOURS}",
        since,
        until,
    )


async def mismatches(unit: Transaction, since: datetime) -> int:
    """Submissions whose state contradicts their lead: there must be none, and one is an incident."""
    return int(
        await unit.value(
            f"SELECT count(*) FROM submission s LEFT JOIN lead l ON l.id = s.id "  # noqa: S608
            f"WHERE s.received_at >= $1 AND NOT coalesce({AGREES}, FALSE)",
            since,
        )
    )


async def oldest_waiting_seconds(unit: Transaction) -> float:
    found = await unit.value(
        "SELECT extract(epoch FROM now() - received_at) FROM submission WHERE state = 'waiting' ORDER BY id LIMIT 1"
    )
    return float(found or 0)
