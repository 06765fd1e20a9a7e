"""Clients, their leads, and what is known of them."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.followup import models
from shared.database import Rows, Transaction


async def create(unit: Transaction, clients: list[dict[str, Any]]) -> set[UUID]:
    """Make clients of persons, once each. Returns who is one only now: nobody before, or a prospect."""
    rows = await unit.insert(
        models.Client,
        clients,
        "ON CONFLICT (id) DO UPDATE SET prospect = FALSE, contact = excluded.contact, surname = excluded.surname "
        "WHERE client.prospect AND NOT client.erased AND NOT excluded.prospect RETURNING id, prospect",
    )
    return {row["id"] for row in rows}


async def know_contacts(
    unit: Transaction, contacts: Mapping[UUID, Mapping[str, str]], surnames: Mapping[UUID, str | None]
) -> None:
    """How clients are reached today. What they did not say again stays as it was."""
    await unit.execute(
        "UPDATE client c SET contact = c.contact || n.contact, surname = coalesce(n.surname, c.surname) "
        "FROM unnest($1::uuid[], $2::jsonb[], $3::text[]) AS n(id, contact, surname) WHERE c.id = n.id AND NOT c.erased",
        list(contacts),
        list(contacts.values()),
        [surnames[id] for id in contacts],
    )


async def know_leads(unit: Transaction, rows: list[dict[str, Any]]) -> None:
    await unit.insert(models.ClientLead, rows, "ON CONFLICT DO NOTHING")


async def of_leads(unit: Transaction, lead_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Whose leads these are."""
    rows = await unit.fetch("SELECT lead_id, client_id FROM client_lead WHERE lead_id = ANY($1)", list(lead_ids))
    return {row["lead_id"]: row["client_id"] for row in rows}


async def find(unit: Transaction, client_id: UUID) -> Any:
    """Who this is today."""
    client = await unit.row("SELECT * FROM client WHERE id = $1", client_id)
    return await find(unit, client["merged_into"]) if client and client["merged_into"] else client


async def lock(unit: Transaction, client_id: UUID) -> Any:
    """Who this is today, locked, so that what happens to them happens in turn: a merge is followed, also one we waited for."""
    client = await unit.row("SELECT * FROM client WHERE id = $1 AND merged_into IS NULL FOR UPDATE", client_id)
    heir = None if client else await unit.value("SELECT merged_into FROM client WHERE id = $1", client_id)
    return await lock(unit, heir) if heir else client


async def page(unit: Transaction, after: UUID | None, limit: int) -> Rows:
    return await unit.fetch(
        "SELECT * FROM client WHERE NOT erased AND merged_into IS NULL AND ($1::uuid IS NULL OR id > $1) ORDER BY id LIMIT $2",
        after,
        limit,
    )


async def of_surnames(unit: Transaction, surnames: Collection[str]) -> Rows:
    """Who might share a roof, the oldest household first."""
    return await unit.fetch(
        "SELECT id, household_id, surname, contact FROM client WHERE surname = ANY($1) AND NOT erased ORDER BY created_at, id",
        list(surnames),
    )


async def set_household(unit: Transaction, client_id: UUID, household_id: UUID) -> None:
    await unit.execute("UPDATE client SET household_id = $2 WHERE id = $1", client_id, household_id)


async def set_zone(unit: Transaction, client_id: UUID, zone: str | None, region: str | None) -> None:
    await unit.execute("UPDATE client SET zone = $2, region = $3 WHERE id = $1", client_id, zone, region)


async def set_address(unit: Transaction, client_id: UUID, address: str) -> None:
    query = "UPDATE client SET contact = jsonb_set(contact, '{address}', to_jsonb($2::text)) WHERE id = $1"
    await unit.execute(query, client_id, address)


async def set_moved(unit: Transaction, client_ids: Collection[UUID], at: datetime | None) -> None:
    await unit.execute("UPDATE client SET moved_at = $2 WHERE id = ANY($1)", list(client_ids), at)


async def set_stopped(unit: Transaction, client_id: UUID, at: datetime) -> None:
    await unit.execute("UPDATE client SET stopped_at = $2 WHERE id = $1", client_id, at)


async def end_stop(unit: Transaction, client_id: UUID, before: datetime) -> None:
    """They said yes since they told a person to stop."""
    await unit.execute("UPDATE client SET stopped_at = NULL WHERE id = $1 AND NOT erased AND stopped_at < $2", client_id, before)


async def know_jobs(unit: Transaction, rows: list[dict[str, Any]]) -> None:
    await unit.insert(models.Job, rows, "ON CONFLICT DO NOTHING")


async def know_assets(unit: Transaction, rows: list[dict[str, Any]]) -> None:
    await unit.insert(
        models.Asset,
        rows,
        "ON CONFLICT (client_id, kind) DO UPDATE SET installed_on = excluded.installed_on, "
        "warranty_until = excluded.warranty_until",
    )


async def know_facts(unit: Transaction, rows: list[dict[str, Any]]) -> None:
    await unit.insert(models.ClientFact, rows, "ON CONFLICT DO NOTHING")


async def forget_fact(unit: Transaction, client_id: UUID, kind: str, ref: str) -> None:
    await unit.execute("DELETE FROM client_fact WHERE client_id = $1 AND kind = $2 AND ref = $3", client_id, kind, ref)


async def erase(unit: Transaction, rows: list[dict[str, Any]]) -> None:
    """Personal data go; the row stays, so that a late event revives nothing."""
    await unit.insert(
        models.Client,
        rows,
        "ON CONFLICT (id) DO UPDATE SET contact = '{}', surname = NULL, zone = NULL, region = NULL, erased = TRUE",
    )
    ids = [row["id"] for row in rows]
    for table in ("job", "asset", "client_fact", "hold"):
        await unit.execute(f"DELETE FROM {table} WHERE client_id = ANY($1)", ids)  # noqa: S608  names of our own
    await unit.execute("DELETE FROM consent_event WHERE client_id = ANY($1) AND (granted OR address_hash IS NULL)", ids)
    await unit.execute("UPDATE consent_event SET client_id = NULL, evidence = '' WHERE client_id = ANY($1)", ids)  # a no stays


async def lock_all(unit: Transaction, client_ids: Collection[UUID]) -> dict[UUID, Any]:
    """Clients, locked in one order, so that what happens to them happens in turn."""
    rows = await unit.fetch(
        "SELECT * FROM client WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE", sorted(set(client_ids))
    )
    return {row["id"]: row for row in rows}


async def with_address(unit: Transaction, channel: str, value: str) -> Rows:
    """Who has this address now, oldest first."""
    if channel == "email":
        query, value = "lower(contact ->> 'email') = $1", value.lower()
    else:
        query = "(contact ->> 'phone') = $1"
    return await unit.fetch(
        f"SELECT * FROM client WHERE {query} AND NOT erased ORDER BY created_at LIMIT 50",  # noqa: S608  words of our own
        value.strip(),
    )
