"""Two clients turn out to be one: everything of the first becomes the second's."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.database import Rows, Transaction

# Tables whose key holds the client: what the survivor has already is kept, the double goes.
KEYED = {"job": ("id",), "asset": ("kind",), "client_fact": ("kind", "ref"), "hold": ("kind", "ref")}
FREE = ("client_lead", "consent_event", "delivery_fact")


async def survive(unit: Transaction, loser: UUID, survivor: UUID) -> None:
    """The survivor is a client too, and what was known of the other fills in what is not known of them. Their roofs are one."""
    await unit.execute(
        "INSERT INTO client (id, first_lead_id, household_id, surname, contact, zone, region, prospect,"
        " erased, moved_at, stopped_at, created_at) "
        "SELECT $2, first_lead_id, household_id, surname, contact, zone,"
        " region, prospect, FALSE, moved_at, stopped_at, created_at FROM client WHERE id = $1 "
        "ON CONFLICT (id) DO UPDATE SET prospect = client.prospect AND excluded.prospect, "
        "contact = jsonb_strip_nulls(excluded.contact) || jsonb_strip_nulls(client.contact), "
        "zone = coalesce(client.zone, excluded.zone), region = coalesce(client.region, excluded.region), "
        "stopped_at = least(client.stopped_at, excluded.stopped_at)",
        loser,
        survivor,
    )
    await unit.execute(
        "UPDATE client SET household_id = (SELECT household_id FROM client WHERE id = $2) "
        "WHERE household_id = (SELECT household_id FROM client WHERE id = $1)",
        loser,
        survivor,
    )


async def move(unit: Transaction, loser: UUID, survivor: UUID) -> None:
    for table, key in KEYED.items():
        same = " AND ".join(f"other.{name} = own.{name}" for name in key)
        await unit.execute(
            f"UPDATE {table} own SET client_id = $2 WHERE client_id = $1 AND NOT EXISTS "  # noqa: S608  names of our own
            f"(SELECT 1 FROM {table} other WHERE other.client_id = $2 AND {same})",
            loser,
            survivor,
        )
        await unit.execute(f"DELETE FROM {table} WHERE client_id = $1", loser)  # noqa: S608
    for table in FREE:
        await unit.execute(f"UPDATE {table} SET client_id = $2 WHERE client_id = $1", loser, survivor)  # noqa: S608
    await unit.execute(
        "UPDATE enrolment own SET client_id = $2 WHERE client_id = $1 AND NOT EXISTS (SELECT 1 FROM enrolment other "
        "WHERE other.client_id = $2 AND other.plan = own.plan AND other.subject = own.subject AND other.cycle = own.cycle)",
        loser,
        survivor,
    )
    await unit.execute(  # whoever has claimed one would look for the loser's address
        "UPDATE touch t SET client_id = $2, lease_until = CASE WHEN t.state <> 'planned' THEN t.lease_until END "
        "FROM enrolment e WHERE e.id = t.enrolment_id AND e.client_id = $2 AND t.client_id = $1",
        loser,
        survivor,
    )


async def move_holds(unit: Transaction, clients: Collection[UUID], lead: str, into: str) -> None:
    """What is open about a lead will be closed under the name of the one it went into."""
    await unit.execute(
        "WITH old AS (DELETE FROM hold WHERE client_id = ANY($1) AND ref = $2 RETURNING *) "
        "INSERT INTO hold (client_id, kind, ref, opened_at, until) SELECT client_id, kind, $3, opened_at, until FROM old "
        "ON CONFLICT (client_id, kind, ref) DO UPDATE SET until = greatest(hold.until, excluded.until)",
        list(clients),
        lead,
        into,
    )


async def end_doubles(unit: Transaction, loser: UUID, now: datetime) -> Rows:
    """Enrolments the survivor has as well end; returns their touches that nobody had begun to send."""
    await unit.execute(
        "UPDATE enrolment SET state = 'stopped', reason = 'merged', settled_at = $2 WHERE client_id = $1 AND"
        " state <> 'completed'",
        loser,
        now,
    )
    return await unit.fetch(
        "UPDATE touch SET state = 'skipped', reason = 'merged', settled_at = $2 WHERE client_id = $1 "
        "AND state IN ('planned', 'paused') RETURNING *",
        loser,
        now,
    )


async def forget(unit: Transaction, loser: UUID, survivor: UUID, contact: Mapping[str, Any] | None = None) -> None:
    query = "UPDATE client SET contact = $3::jsonb, surname = NULL, merged_into = $2 WHERE id = $1"
    await unit.execute(query, loser, survivor, contact or {})


async def drop_contact(unit: Transaction, client_id: UUID, names: list[str]) -> None:
    await unit.execute(
        "UPDATE client SET contact = contact - $2::text[], "
        "surname = CASE WHEN 'last_name' = ANY($2::text[]) THEN NULL ELSE surname END WHERE id = $1",
        client_id,
        names,
    )


async def remember(unit: Transaction, loser: UUID, survivor: UUID, lead_id: UUID, now: datetime) -> bool:
    """Who is no client yet never becomes another one than the survivor. False: they are a client already."""
    query = (
        "INSERT INTO client (id, first_lead_id, household_id, contact, prospect, erased, merged_into, created_at) "
        "VALUES ($1, $2, $1, '{}', FALSE, FALSE, $3, $4) ON CONFLICT DO NOTHING RETURNING id"
    )
    return await unit.value(query, loser, lead_id, survivor, now) is not None


async def heirs(unit: Transaction, ids: list[UUID]) -> dict[UUID, UUID]:
    """Who these ids are today; a chain of merges is followed to its end."""
    rows = await unit.fetch(
        "WITH RECURSIVE chain(id, now) AS (SELECT id, merged_into FROM client WHERE id = ANY($1) AND merged_into IS NOT NULL "
        "UNION SELECT chain.id, c.merged_into FROM chain JOIN client c ON c.id = chain.now WHERE c.merged_into IS NOT NULL) "
        "SELECT chain.id, chain.now FROM chain LEFT JOIN client c ON c.id = chain.now WHERE c.merged_into IS NULL",
        ids,
    )
    return {row["id"]: row["now"] for row in rows}


async def part(unit: Transaction, ids: list[UUID]) -> None:
    """Who was merged into somebody erased, and was not erased with them, is nobody else: the merge was undone."""
    if not (found := await heirs(unit, ids)):
        return
    await unit.execute(
        "UPDATE client own SET merged_into = NULL, prospect = TRUE, household_id = own.id "
        "FROM unnest($1::uuid[], $2::uuid[]) AS of(id, heir) JOIN client heir ON heir.id = of.heir "
        "WHERE own.id = of.id AND heir.erased AND NOT own.erased",
        list(found),
        list(found.values()),
    )
