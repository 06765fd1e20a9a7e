"""A suppression is lifted by hand."""

from datetime import datetime

from services.followup import store
from services.followup.domain.consent import NEVER_LIFTED, may_lift
from services.followup.use_cases.consent import Addresses, statements
from shared.database import Transaction


async def lift_suppression(unit: Transaction, addresses: Addresses, channel: str, value: str, now: datetime) -> str:
    """By hand, but only after a newer express yes of theirs. Returns the sentence to tell."""
    address = addresses.of(value)
    rows = [row for row in await store.consent.all_suppressed(unit, [address], now) if row["channel"] == channel]
    clients = await store.clients.with_address(unit, channel, value)
    said = await statements(unit, [address], [client["id"] for client in clients])
    words = [one for group in (said.by_client, said.by_address) for found in group.values() for one in found]
    yes = [one.at for one in words if one.granted and one.channel == channel]
    liftable = [row for row in rows if yes and may_lift(row["reason"], row["at"], max(yes))]
    if not rows:
        return "Nothing is suppressed there."
    if not liftable:
        return "Nothing was lifted: it takes a newer express yes of theirs, and a complaint or an erasure stays."
    purposes = [row["purpose"] for row in liftable]
    count = await store.consent.lift(unit, [address], channel, purposes, max(yes), NEVER_LIFTED)
    return f"Lifted: {count} suppression{'' if count == 1 else 's'}."
