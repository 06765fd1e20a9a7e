"""Campaigns: the promise that travels with a lead, and the costs the scoreboard reads."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.intake.domain.campaigns import Cost, campaign_key
from services.intake.store import campaigns
from shared import events
from shared.database import Transaction
from shared.outbox import emit

SOURCE = "/intake"
PORTION = 2000  # the database ends a transaction that says nothing for seconds


async def set_promise(unit: Transaction, name: str, promise: str, now: datetime) -> str:
    """From the next lead on; an empty one withdraws it. Returns the campaign's key."""
    key = campaign_key(name)
    await campaigns.set_promise(unit, {"key": key, "promise": promise.strip() or None, "changed_at": now})
    return key


async def import_costs(unit: Transaction, costs: Sequence[Cost], now: datetime) -> int:
    """What was imported before and did not change is not said again. Returns how many were new or changed."""
    keys = dict.fromkeys(cost.campaign for cost in costs)
    await campaigns.add_campaigns(unit, [{"key": key, "promise": None, "changed_at": now} for key in keys])
    ordered, count = sorted(costs, key=lambda cost: (cost.campaign, cost.spent_on)), 0
    for start in range(0, len(ordered), PORTION):
        changed = await campaigns.save_costs(unit, [_row(cost, now) for cost in ordered[start : start + PORTION]])
        for row in changed:
            key = f"campaign:{row['campaign']}"
            await emit(unit, [events.CampaignPriced(**row)], topic=events.INTAKE, source=SOURCE, at=now, key=key)
        count += len(changed)
    return count


def _row(cost: Cost, now: datetime) -> dict[str, Any]:
    return {
        "campaign": cost.campaign,
        "spent_on": cost.spent_on,
        "amount": str(cost.amount),
        "currency": cost.currency,
        "imported_at": now,
    }
