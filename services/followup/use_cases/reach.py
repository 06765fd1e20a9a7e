"""Which channels reach a client, and what each may be used for."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from services.followup import store
from services.followup.domain.consent import EVERYTHING, refusal
from services.followup.domain.plans import PURPOSES
from services.followup.use_cases.consent import FIELDS, Addresses, statements
from shared.database import Transaction


async def reach(
    unit: Transaction, addresses: Addresses, clients: Collection[Any], now: datetime
) -> dict[Any, Mapping[str, frozenset[str]]]:
    """By client: the purposes each channel may be used for. A channel without an address is left out."""
    hashes = {
        (client["id"], channel): addresses.hash(channel, client["contact"])
        for client in clients
        for channel, name in FIELDS.items()
        if client["contact"].get(name)
    }
    known = [one for one in hashes.values() if one is not None]
    # a mailbox that rests for a month is looked at when a touch is due, not a year before
    suppressed = [row for row in await store.consent.all_suppressed(unit, known, now) if row["until"] is None]
    said = await statements(unit, known, [client["id"] for client in clients])
    found: dict[Any, dict[str, frozenset[str]]] = {client["id"]: {} for client in clients}
    for (client_id, channel), digest in hashes.items():
        stopped = {row["purpose"] for row in suppressed if row["address_hash"] == digest and row["channel"] == channel}
        words = said.of(client_id, digest)
        allowed = {purpose for purpose in PURPOSES if refusal(words, channel, purpose, now) is None}
        found[client_id][channel] = frozenset() if EVERYTHING in stopped else frozenset(allowed - stopped)
    return dict(found)
