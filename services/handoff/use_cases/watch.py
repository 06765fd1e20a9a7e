"""What pages somebody: credits that do not add up, leads nobody has taken yet and for how long."""

from datetime import datetime

from prometheus_client import Gauge

from services.handoff import store
from shared.database import Transaction
from shared.telemetry import log

CREDITS = Gauge("routing_credit_sum", "The credits of a pool added up: 0, or something is wrong", ["pool"])
HELD = Gauge("leads_held", "Leads that nobody could take yet")
OLDEST_HELD = Gauge("leads_held_oldest_seconds", "How long the oldest of them has waited")


async def watch_routing(unit: Transaction, now: datetime) -> None:
    for pool, total in (await store.pools.sums(unit)).items():
        CREDITS.labels(pool).set(total)
        if total:
            log().error("the credits of a pool do not add up to zero", pool=pool, total=total)
    count, oldest = await store.leads.held(unit)
    HELD.set(count)
    OLDEST_HELD.set((now - oldest).total_seconds() if oldest else 0)
