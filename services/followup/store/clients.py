"""Clients and their leads."""

from typing import Any
from uuid import UUID

from services.followup import models
from shared.database import Transaction


async def create(unit: Transaction, client: dict[str, Any]) -> bool:
    """Make a client of a person, once. Returns whether it was new."""
    rows = await unit.insert(models.Client, [client], "ON CONFLICT (id) DO NOTHING RETURNING id")
    return bool(rows)


async def know_lead(unit: Transaction, lead_id: UUID, client_id: UUID) -> None:
    await unit.insert(models.ClientLead, [{"lead_id": lead_id, "client_id": client_id}], "ON CONFLICT DO NOTHING")


async def of_lead(unit: Transaction, lead_id: UUID) -> Any:
    """The client of a lead, locked, so that what happens to them happens in turn."""
    return await unit.row(
        "SELECT c.* FROM client c JOIN client_lead l ON l.client_id = c.id WHERE l.lead_id = $1 FOR UPDATE OF c", lead_id
    )


async def find(unit: Transaction, client_id: UUID) -> Any:
    return await unit.row("SELECT * FROM client WHERE id = $1", client_id)


async def lock(unit: Transaction, client_id: UUID) -> Any:
    """The client, locked, so that what happens to them happens in turn."""
    return await unit.row("SELECT * FROM client WHERE id = $1 FOR UPDATE", client_id)
