"""Which channels reach a client, and what each may be used for."""

from collections.abc import Collection, Mapping
from typing import Any

from services.followup import store
from services.followup.domain.plans import PURPOSES
from services.followup.use_cases.consent import Addresses
from shared.database import Transaction

EVERY = frozenset(PURPOSES)
FIELDS = {"email": "email", "sms": "phone", "post": "address"}
WITHOUT_GRANT = {"email": EVERY, "post": EVERY, "sms": frozenset({"service"})}


async def reach(unit: Transaction, addresses: Addresses, clients: Collection[Any]) -> dict[Any, Mapping[str, frozenset[str]]]:
    """By client: the purposes each channel may be used for. A channel without an address is left out."""
    hashes = {
        (client["id"], channel): addresses.hash(channel, client["contact"])
        for client in clients
        for channel, name in FIELDS.items()
        if client["contact"].get(name)
    }
    suppressed = await store.consent.all_suppressed(unit, [one for one in hashes.values() if one is not None])
    found: dict[Any, dict[str, frozenset[str]]] = {client["id"]: {} for client in clients}
    for (client_id, channel), digest in hashes.items():
        stopped = {row["purpose"] for row in suppressed if row["address_hash"] == digest and row["channel"] == channel}
        found[client_id][channel] = frozenset() if "all" in stopped else WITHOUT_GRANT[channel] - stopped
    return dict(found)
