"""The lines of the scoreboard follow the facts: what is due is made again, from all facts of the lead."""

from services.handoff import store
from shared.database import Transaction

LEADS_AT_ONCE = 500


async def follow_facts(unit: Transaction, limit: int = LEADS_AT_ONCE) -> int:
    """Make the lines that are due. Returns how many leads they were of; 0 too where another replica is at it."""
    if not await store.board.only_one(unit):
        return 0
    version = await store.agreements.current_agreement(unit)
    if version is not None and await store.board.counted_under(unit) != version["hash"]:
        await store.board.count_under(unit, version["hash"])
    lead_ids = await store.board.take_due(unit, limit)
    if lead_ids:
        await store.board.make_lines(unit, lead_ids)
    return len(lead_ids)


async def rebuild(unit: Transaction) -> None:
    """Forget every line and mark every lead that has facts: `follow_facts` makes them again."""
    await store.board.clear(unit)
