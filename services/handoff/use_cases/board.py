"""The lines of the scoreboard follow the facts: what is due is made again, from all facts of the lead."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from services.handoff import store
from services.handoff.domain.policy import Policy, Pool
from services.handoff.use_cases.policy import policy_of
from shared.database import Transaction
from shared.in_force import agreement_in_force

LEADS_AT_ONCE = 500


async def follow_facts(unit: Transaction, limit: int = LEADS_AT_ONCE) -> int:
    """Make the lines that are due. Returns how many leads they were of; 0 too where another replica is at it."""
    if not await store.board.only_one(unit):
        return 0
    version = await agreement_in_force(unit)
    if version is not None and await store.board.counted_under(unit) != version[0]:
        await store.board.count_under(unit, version[0])
    lead_ids = await store.board.take_due(unit, limit)
    if lead_ids:
        await store.board.make_lines(unit, lead_ids)
        if version is not None:
            await _count_business_time(unit, lead_ids, policy_of(version[1]))
    return len(lead_ids)


async def _count_business_time(unit: Transaction, lead_ids: Sequence[UUID], policy: Policy) -> None:
    """How long people waited while the pool was open: what the agreement's hours say now."""
    rows = []
    for row in await store.board.answered(unit, lead_ids):
        pool = policy.pools.get(row["pool"])
        seconds = [_open_seconds(pool, row["came_at"], row[name]) for name in ("sal_at", "contacted_at")]
        rows.append((row["lead_id"], *seconds))
    await store.board.set_seconds(unit, rows)


def _open_seconds(pool: Pool | None, start: datetime, end: datetime | None) -> int | None:
    if end is None:
        return None
    waited = pool.calendar.between(start, end) if pool else max(end - start, timedelta())
    return round(waited.total_seconds())
