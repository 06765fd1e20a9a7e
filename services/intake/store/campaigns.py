"""Campaigns: what they promised and what they cost."""

from collections.abc import Sequence
from typing import Any

from services.intake import models
from shared.database import Rows, Transaction


async def promises(unit: Transaction, keys: Sequence[str]) -> dict[str, str]:
    rows = await unit.fetch("SELECT key, promise FROM campaign WHERE key = ANY($1::text[]) AND promise IS NOT NULL", keys)
    return {row["key"]: row["promise"] for row in rows}


async def add_campaigns(unit: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    """Those that are new; the others keep their promise."""
    await unit.insert(models.Campaign, rows, "ON CONFLICT (key) DO NOTHING")


async def set_promise(unit: Transaction, row: dict[str, Any]) -> None:
    """The promise replaces the earlier one, also where there is none any more."""
    latest = "ON CONFLICT (key) DO UPDATE SET promise = excluded.promise, changed_at = excluded.changed_at"
    await unit.insert(models.Campaign, [row], latest)


async def save_costs(unit: Transaction, rows: Sequence[dict[str, Any]]) -> Rows:
    """Costs by campaign and day; returns those that are new or changed."""
    return await unit.insert(
        models.CampaignCost,
        rows,
        "ON CONFLICT (campaign, spent_on) DO UPDATE SET amount = excluded.amount, currency = excluded.currency, "
        "imported_at = excluded.imported_at WHERE (campaign_cost.amount, campaign_cost.currency) "
        "IS DISTINCT FROM (excluded.amount, excluded.currency) RETURNING campaign, spent_on, amount, currency",
    )


async def listed(unit: Transaction) -> Rows:
    return await unit.fetch(
        "SELECT c.key, c.promise, count(k.*) AS days, min(k.spent_on) AS since, max(k.spent_on) AS until "
        "FROM campaign c LEFT JOIN campaign_cost k ON k.campaign = c.key GROUP BY c.key ORDER BY c.key"
    )
