"""Completed jobs: each kept once; one reported before its lead was won takes effect at won."""

from datetime import datetime, timedelta
from typing import Any

from services.handoff import models, store
from services.handoff.domain.lifecycle import Illegal
from services.handoff.domain.rules import reason_key
from services.handoff.use_cases.facts import EARLIEST, announce
from shared import events
from shared.database import Transaction

MOST_OF_ONE_LEAD = 1000


async def complete_job(unit: Transaction, lead: Any, event: events.JobCompleted, now: datetime) -> None:
    """Keep the job once; publish it now if the lead is won, else at won. Raises Illegal."""
    if event.completed_on.year < EARLIEST:
        raise Illegal(f"completed_on {event.completed_on} is no day a job was completed on; programs write it for an empty date.")
    if event.completed_on > (now + timedelta(hours=14 + 24)).date():
        raise Illegal(f"completed_on {event.completed_on} is in the future.")
    if lead["state"] in ("lost", "disqualified"):
        raise Illegal(f"This lead is {lead['state']}: no job of it can be completed.")
    if await store.leads.count_jobs(unit, lead["id"]) >= MOST_OF_ONE_LEAD:
        raise Illegal(f"This lead has {MOST_OF_ONE_LEAD} completed jobs already.")
    row = {
        "lead_id": lead["id"],
        "job_id": event.job_id,
        "trade": event.trade,
        "outcome": event.outcome,
        "completed_on": event.completed_on,
        "published": False,
    }
    if not await unit.insert(models.Job, [row], "ON CONFLICT DO NOTHING RETURNING 1"):
        _check_repeat(await store.leads.job(unit, lead["id"], event.job_id), event)
    if lead["state"] == "won":
        await publish_jobs(unit, lead, now)


def _check_repeat(first: Any, event: events.JobCompleted) -> None:
    """The same again is harmless. Another day, trade or outcome would be lost without a word."""
    words = ((first[name], getattr(event, name)) for name in ("trade", "outcome"))
    differs = any(before and now and reason_key(before) != reason_key(now) for before, now in words)
    if differs or first["completed_on"] != event.completed_on:
        raise Illegal(f"The job {event.job_id} of this lead was reported otherwise: the first report stands.")


async def publish_jobs(unit: Transaction, lead: Any, now: datetime) -> None:
    jobs = await store.leads.unpublished_jobs(unit, lead["id"])
    await announce(
        unit,
        [events.JobCompleted(lead_id=lead["id"], person_id=lead["person_id"], arrived_at=now, **job) for job in jobs],
        now,
    )
