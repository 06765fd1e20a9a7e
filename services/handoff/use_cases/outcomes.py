"""What CRMs report. Of a lead we do not know yet it is kept for a while: the CRM may be faster than we are."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from services.handoff import models, store
from services.handoff.domain.lifecycle import Illegal
from services.handoff.use_cases.advance import advance
from services.handoff.use_cases.facts import announce
from services.handoff.use_cases.jobs import complete_job
from shared import dead_letters, events
from shared.consumer import Refused
from shared.database import Transaction
from shared.envelope import Received

READER = "handoff"
KEPT_FOR = timedelta(days=7)  # as long as the topic would
MOST_OF_ONE_LEAD = 50
COMMANDS: dict[type[events.Event], str] = {
    events.OutcomeContacted: "contacted",
    events.OutcomeAppointmentSet: "sales_qualified",
    events.OutcomeProposed: "proposed",
    events.OutcomeWon: "won",
    events.OutcomeLost: "lost",
}


async def apply_outcomes(unit: Transaction, received: list[Received], now: datetime) -> None:
    for one in received:
        lead_id: UUID = one.event.lead_id  # type: ignore[attr-defined]
        lead = await store.leads.lock_lead(unit, lead_id)
        if lead is None:
            await _keep(unit, one, await store.leads.survivor_of(unit, lead_id), now)
        else:
            await _apply(unit, lead, one.event, now)


async def _apply(unit: Transaction, lead: Any, event: Any, now: datetime) -> None:
    """Apply a report to a locked lead. Raises Refused."""
    if lead["state"] == "erased":
        return
    try:
        if isinstance(event, events.JobCompleted):
            await complete_job(unit, lead, event, now)
        elif isinstance(event, events.JobEvent):
            await announce(unit, [event.model_copy(update={"lead_id": lead["id"], "person_id": lead["person_id"]})], now)
        else:
            await advance(unit, lead, COMMANDS[type(event)], event.model_dump(exclude={"lead_id"}), now)
    except Illegal as error:
        raise Refused(str(error)) from error


# ---- of leads that we do not know yet ----------------------------------------------------------------------------------
async def _keep(unit: Transaction, one: Received, lead_id: UUID, now: datetime) -> None:
    if await store.early.count(unit, lead_id) >= MOST_OF_ONE_LEAD:
        raise Refused(f"{MOST_OF_ONE_LEAD} events of this lead wait for it already: it has not come.")
    row = {
        "id": uuid7(),
        "lead_id": lead_id,
        "source": one.source,
        "event_id": one.id,
        "topic": one.topic,
        "key": one.key,
        "type": one.event.TYPE,
        "data": one.event.model_dump(mode="json"),
        "received_at": now,
    }
    await unit.insert(models.EarlyEvent, [row])


async def apply_early_events(unit: Transaction, lead_ids: Sequence[UUID], now: datetime) -> None:
    """These leads have arrived: what was reported of them takes effect. A contradiction goes to the dead letters."""
    for row in await store.early.take(unit, lead_ids):
        one = _received(row)
        lead = await store.leads.lock_lead(unit, row["lead_id"])
        if lead is None:  # it was merged into one that has not come yet
            await _keep(unit, one, await store.leads.survivor_of(unit, row["lead_id"]), now)
            continue
        try:
            await _apply(unit, lead, one.event, now)
        except Refused as error:
            await dead_letters.write_kept(unit, READER, one, "refused", str(error), now)


async def end_waits(unit: Transaction, now: datetime) -> int:
    """A lead may arrive in the moment its outcome is put aside: what waits for a lead that is here takes effect."""
    lead_ids = await store.early.arrived(unit)
    await apply_early_events(unit, lead_ids, now)
    return len(lead_ids)


async def give_up_waiting(unit: Transaction, now: datetime) -> int:
    """What waited too long for its lead goes to the dead letters, from where it can be redriven. Returns how many."""
    rows = await store.early.take_older(unit, now - KEPT_FOR)
    for row in rows:
        reason = f"No lead of this id has come within {KEPT_FOR.days} days."
        await dead_letters.write_kept(unit, READER, _received(row), "refused", reason, now)
    return len(rows)


def _received(row: Any) -> Received:
    event = events.BY_TYPE[row["type"]].model_validate(row["data"])
    return Received(row["topic"], row["key"], row["event_id"], row["source"], event, row["received_at"], None)
