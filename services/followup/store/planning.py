"""What planning reads of whole households, and what it writes: a statement for all of them, never one a touch."""

from collections.abc import Collection
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.followup import models
from services.followup.domain.forecast import MAY_END
from shared.database import Rows, Transaction

MOVABLE = (
    "plan_version",
    "channel",
    "purpose",
    "priority",
    "local_date",
    "local_time",
    "zone",
    "tzdata",
    "due_at",
    "expires_at",
    "notes",
)


async def lock_households(unit: Transaction, client_ids: Collection[UUID]) -> Rows:
    """Everybody under these clients' roofs, locked in one order, so that what happens to them happens in turn."""
    return await unit.fetch(
        "SELECT * FROM client WHERE household_id IN (SELECT household_id FROM client WHERE id = ANY($1)) ORDER BY id FOR UPDATE",
        list(client_ids),
    )


async def active_enrolments(unit: Transaction, client_ids: Collection[UUID]) -> Rows:
    return await unit.fetch(
        "SELECT * FROM enrolment WHERE client_id = ANY($1) AND state = 'active' ORDER BY id", list(client_ids)
    )


async def touches(unit: Transaction, client_ids: Collection[UUID]) -> Rows:
    return await unit.fetch("SELECT * FROM touch WHERE client_id = ANY($1) ORDER BY due_at, id", list(client_ids))


async def jobs(unit: Transaction, client_ids: Collection[UUID]) -> Rows:
    return await unit.fetch("SELECT * FROM job WHERE client_id = ANY($1) ORDER BY completed_on, id", list(client_ids))


async def assets(unit: Transaction, client_ids: Collection[UUID]) -> Rows:
    return await unit.fetch("SELECT * FROM asset WHERE client_id = ANY($1)", list(client_ids))


async def facts(unit: Transaction, client_ids: Collection[UUID]) -> Rows:
    return await unit.fetch("SELECT * FROM client_fact WHERE client_id = ANY($1) ORDER BY at, ref", list(client_ids))


async def loads(unit: Transaction, plan: str, step: str, since: date) -> Rows:
    """How many touches of a step each day has already."""
    return await unit.fetch(
        "SELECT local_date, count(*) AS touches FROM touch WHERE plan = $1 AND step = $2 AND local_date >= $3 "
        "AND state IN ('planned', 'sending', 'sent') GROUP BY local_date",
        plan,
        step,
        since,
    )


async def insert_touches(unit: Transaction, rows: list[dict[str, Any]]) -> None:
    await unit.insert(models.Touch, rows, "ON CONFLICT (enrolment_id, step, cycle) DO NOTHING")


async def move_touches(unit: Transaction, rows: list[dict[str, Any]], now: datetime, *, were: str = "planned") -> None:
    """Give touches their new moment. One that a sender has taken keeps the old one, while its lease lasts."""
    changes = ", ".join(f"{name} = excluded.{name}" for name in MOVABLE)
    free = "(touch.lease_until IS NULL OR touch.lease_until < excluded.lease_until)"  # excluded has what is inserted below: now
    await unit.insert(
        models.Touch,
        [row | {"lease_until": now} for row in rows],
        f"ON CONFLICT (id) DO UPDATE SET {changes}, lease_until = NULL, state = 'planned', reason = NULL, settled_at = NULL "
        f"WHERE touch.state = '{were}' AND touch.attempt = 0 AND {free}",
    )


async def skip_touches(unit: Transaction, reasons: dict[UUID, str], now: datetime) -> Rows:
    """End touches that nobody has begun to send, or say that they ended for good; returns them."""
    return await unit.fetch(
        "UPDATE touch t SET state = 'skipped', reason = n.reason, settled_at = $3 "
        "FROM unnest($1::uuid[], $2::text[]) AS n(id, reason) "
        "WHERE t.id = n.id AND t.state IN ('planned', 'paused', 'skipped') RETURNING t.*",
        list(reasons),
        list(reasons.values()),
        now,
    )


async def mark_planned(unit: Transaction, enrolment_ids: Collection[UUID], basis: str, horizon: date) -> None:
    await unit.execute("UPDATE enrolment SET basis = $2, horizon = $3 WHERE id = ANY($1)", list(enrolment_ids), basis, horizon)


async def complete(unit: Transaction, enrolment_ids: Collection[UUID], now: datetime) -> None:
    """Those that ran to their end: nothing is planned any more and nothing will be."""
    await unit.execute(
        "UPDATE enrolment SET state = 'completed', settled_at = $2 WHERE id = ANY($1) AND state = 'active'",
        list(enrolment_ids),
        now,
    )


async def stale_clients(unit: Transaction, basis: str, limit: int) -> Rows:
    """Clients whose calendar was worked out from something else than what is true now."""
    return await unit.fetch(
        "(SELECT client_id, basis FROM enrolment WHERE state = 'active' AND basis < $1 LIMIT $2) "
        "UNION ALL (SELECT client_id, basis FROM enrolment WHERE state = 'active' AND basis > $1 LIMIT $2)",
        basis,
        limit,
    )


async def short_clients(unit: Transaction, horizon: date, limit: int) -> Rows:
    """Clients whose rows do not reach far enough into the future."""
    return await unit.fetch(
        "SELECT client_id FROM enrolment WHERE state = 'active' AND horizon < $1 ORDER BY horizon LIMIT $2", horizon, limit
    )


async def journal(unit: Transaction, row: dict[str, Any]) -> None:
    await unit.insert(models.Recomputation, [row])


async def members(unit: Transaction, client_id: UUID) -> Rows:
    """Everybody under this client's roof, to look at."""
    return await households_of(unit, [client_id])


async def households_of(unit: Transaction, client_ids: Collection[UUID]) -> Rows:
    return await unit.fetch(
        "SELECT * FROM client WHERE household_id IN (SELECT household_id FROM client WHERE id = ANY($1)) ORDER BY id",
        list(client_ids),
    )


async def clients_in(unit: Transaction, plan: str, version: int, after: UUID | None, limit: int) -> list[UUID]:
    """Who is in a version of a plan, a page at a time."""
    rows = await unit.fetch(
        "SELECT DISTINCT client_id FROM enrolment WHERE plan = $1 AND plan_version = $2 AND state = 'active' "
        "AND ($3::uuid IS NULL OR client_id > $3) ORDER BY client_id LIMIT $4",
        plan,
        version,
        after,
        limit,
    )
    return [row["client_id"] for row in rows]


async def stay_awake(unit: Transaction) -> None:
    """For who works out much between two questions: the database ends a transaction that is silent for five seconds."""
    await unit.value("SELECT 1")


async def paused_in(unit: Transaction, plan: str, version: int) -> int:
    query = "SELECT count(DISTINCT client_id) FROM enrolment WHERE plan = $1 AND plan_version = $2 AND state = 'paused'"
    found: int = await unit.value(query, plan, version)
    return found


async def move_to_version(unit: Transaction, plan: str, old: int, new: int, keep_until: datetime, cause: str) -> int:
    """Live clients go over to another version, also with what may be planned after all; what is due until `keep_until`
    stays what it was."""
    rows = await unit.fetch(
        "UPDATE enrolment SET plan_version = $3, basis = $4 WHERE plan = $1 AND plan_version = $2 "
        "AND state IN ('active', 'paused') RETURNING id",
        plan,
        old,
        new,
        cause,
    )
    await unit.execute(
        "UPDATE touch SET plan_version = $3 WHERE enrolment_id = ANY($1) AND plan_version = $2 AND due_at > $4 "
        "AND (state IN ('planned', 'paused') OR state = 'skipped' AND split_part(reason, ':', 1) = ANY($5)) AND attempt = 0",
        [row["id"] for row in rows],
        old,
        new,
        keep_until,
        list(MAY_END),
    )
    return len(rows)
