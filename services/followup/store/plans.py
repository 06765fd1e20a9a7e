"""Plan versions: published once, never changed."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from services.followup import models
from shared.database import Rows, Transaction


async def published(unit: Transaction) -> Rows:
    """Which version of each plan takes new clients."""
    return await unit.fetch("SELECT key, version FROM plan WHERE state = 'published' ORDER BY key")


async def any_version(unit: Transaction) -> bool:
    return bool(await unit.value("SELECT EXISTS (SELECT FROM plan)"))


async def versions(unit: Transaction, wanted: Collection[tuple[str, int]]) -> Rows:
    return await unit.fetch(
        "SELECT * FROM plan WHERE (key, version) IN (SELECT * FROM unnest($1::text[], $2::int[]))",
        [key for key, _ in wanted],
        [version for _, version in wanted],
    )


async def every(unit: Transaction) -> Rows:
    """Every version, with how many clients are in it."""
    return await unit.fetch(
        "SELECT p.*, coalesce(e.live, 0) AS live FROM plan p LEFT JOIN (SELECT plan, plan_version, count(*) AS live "
        "FROM enrolment WHERE state IN ('active', 'paused') GROUP BY 1, 2) e ON e.plan = p.key AND e.plan_version = p.version "
        "ORDER BY p.key, p.version"
    )


async def publish(unit: Transaction, row: dict[str, Any]) -> bool:
    """Publish a version in place of the one before. False where this version exists already."""
    await unit.execute("SELECT pg_advisory_xact_lock(hashtext('plan ' || $1))", row["key"])
    if await unit.value("SELECT 1 FROM plan WHERE key = $1 AND version = $2", row["key"], row["version"]):
        return False
    await retire(unit, row["key"], row["published_at"])
    await unit.insert(models.PlanVersion, [row])
    return True


async def retire(unit: Transaction, key: str, now: datetime) -> bool:
    """No new client enters this plan; those in it stay. False where none is published."""
    found = await unit.fetch(
        "UPDATE plan SET state = 'retired', retired_at = $2 WHERE key = $1 AND state = 'published' RETURNING key", key, now
    )
    return bool(found)
