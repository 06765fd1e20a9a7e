"""What a person said about being contacted: kept for whoever is about to call, and for a lead nobody was to be given."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from services.handoff import store
from services.handoff.use_cases.facts import instant_of
from services.handoff.use_cases.notify import notify_owner
from services.handoff.use_cases.route import lock_for_routing, refused_by_now, route
from shared import events
from shared.channels import channel_of, purpose_of
from shared.database import Transaction
from shared.envelope import Received


async def keep_consents(unit: Transaction, received: list[Received], now: datetime) -> None:
    """Keep what was said last: a yes may be told long after it was given. A lead that was held back because no way to its
    person was left is routed when there is one."""
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for one in received:
        event: Any = one.event
        granting = isinstance(event, events.ConsentGranted)
        said = event.consent if granting else event
        row = {
            "person_id": event.person_id,
            "channel": channel_of(said.channel),
            "purpose": purpose_of(said.purpose) or "",
            "granted": granting and said.granted,
            "at": instant_of(said.at if granting else None, instant_of(one.at, now)),
        }
        key = row["person_id"], row["channel"], row["purpose"]
        rows[key] = max(row, rows.get(key, row), key=lambda said: said["at"])
    heirs = await store.briefs.heirs(unit, {row["person_id"] for row in rows.values()})
    for row in [one for one in rows.values() if one["person_id"] in heirs and not one["granted"]]:  # a no is theirs, too
        also = row | {"person_id": heirs[row["person_id"]]}
        key = also["person_id"], also["channel"], also["purpose"]
        rows[key] = max(also, rows.get(key, also), key=lambda said: said["at"])
    await store.briefs.save_consents(unit, list(rows.values()))
    await _let_go(unit, {row["person_id"] for row in rows.values() if row["granted"] and not row["purpose"]}, now)


async def reach_again(unit: Transaction, received: list[Received], now: datetime) -> None:
    """They reached out again, perhaps by a way that is open: their owner hears of it, and a lead that was held back may go."""
    persons = {one.event.person_id for one in received if isinstance(one.event, events.LeadTouched)}
    held_back = await store.leads.held_back(unit, persons)
    if held_back:
        await lock_for_routing(unit, held_back, now)  # before the leads, which keep what was given
    await notify_owner(unit, received, now)
    if held_back:
        await _let_go(unit, persons, now)


async def _let_go(unit: Transaction, persons: Collection[UUID], now: datetime) -> None:
    """Which leads may go is looked at again under the locks, pools first."""
    if not (lead_ids := await store.leads.held_back(unit, persons)):
        return
    await lock_for_routing(unit, lead_ids, now)
    leads = [lead for lead in await store.leads.lock_leads(unit, lead_ids) if lead["state"] == "held" and not lead["held_in"]]
    closed = await refused_by_now(unit, leads)
    await route(unit, [lead for lead in leads if lead["id"] not in closed], now)
