"""What people tell us of a client, and what their calendar makes of it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from services.followup import store
from services.followup.domain.consent import EVERYTHING
from services.followup.domain.plans import CHANNELS
from services.followup.use_cases.consent import revoke
from services.followup.use_cases.pauses import Pauses
from services.followup.use_cases.planning import Numbers
from shared.database import Transaction


def _answer(client_id: UUID, numbers: Numbers) -> dict[str, Any]:
    return {"client_id": client_id, "moved": numbers.moved, "gained": numbers.gained, "lost": numbers.lost}


async def set_moved(unit: Transaction, pauses: Pauses, client_id: UUID, now: datetime) -> dict[str, Any]:
    await store.clients.set_moved(unit, [client_id], now)
    return _answer(client_id, await pauses.stop(unit, [client_id], "client.moved", now))


async def set_stopped(unit: Transaction, pauses: Pauses, client_id: UUID, now: datetime) -> dict[str, Any]:
    """Nothing at all: kept and told like any other no, so that the others hear it and a restored backup does."""
    await store.clients.set_stopped(unit, client_id, now)
    numbers = await pauses.stop(unit, [client_id], "client.asked_to_stop", now)
    client = await store.clients.lock(unit, client_id)
    for channel in CHANNELS:
        await revoke(unit, pauses.planner.addresses, client, channel, [EVERYTHING], "asked a person to stop", now)
    return _answer(client_id, numbers)


async def set_household(
    unit: Transaction, pauses: Pauses, client_id: UUID, housemate_id: UUID | None, now: datetime
) -> dict[str, Any]:
    """Both households are planned again: the one they leave and the one they join."""
    left = [row["id"] for row in await store.planning.lock_households(unit, [client_id])]
    housemate = await store.clients.find(unit, housemate_id) if housemate_id else None
    roof = housemate["household_id"] if housemate else uuid7()  # their own id may name the one they leave
    await store.clients.set_household(unit, client_id, roof)
    return _answer(client_id, await pauses.planner.plan(unit, left, now))


async def set_zone(
    unit: Transaction, pauses: Pauses, client_id: UUID, zone: str | None, region: str | None, now: datetime
) -> dict[str, Any]:
    await store.clients.set_zone(unit, client_id, zone, region)
    return _answer(client_id, await pauses.planner.plan(unit, [client_id], now))


async def set_address(unit: Transaction, pauses: Pauses, client_id: UUID, address: str, now: datetime) -> dict[str, Any]:
    """With an address, steps that go by post can reach them."""
    await store.clients.set_address(unit, client_id, address)
    return _answer(client_id, await pauses.planner.plan(unit, [client_id], now))


async def set_asset(unit: Transaction, pauses: Pauses, asset: dict[str, Any], now: datetime) -> dict[str, Any]:
    await store.clients.know_assets(unit, [asset])
    return _answer(asset["client_id"], await pauses.planner.plan(unit, [asset["client_id"]], now))


async def set_open(unit: Transaction, pauses: Pauses, client_id: UUID, kind: str, now: datetime, *, open: bool) -> dict[str, Any]:
    if open:
        await pauses.hold(unit, kind, [(client_id, "stated")], now)
        return _answer(client_id, Numbers())
    return _answer(client_id, await pauses.release(unit, kind, [client_id], now))
