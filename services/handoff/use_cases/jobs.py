"""Completed jobs: each kept once; one reported before its lead was won takes effect at won."""

from datetime import datetime, timedelta
from typing import Any

from services.handoff import models, store
from services.handoff.domain.lifecycle import Illegal
from services.handoff.use_cases.facts import announce
from shared import events
from shared.database import Transaction

MOST_OF_ONE_LEAD = 1000


async def complete_job(unit: Transaction, lead: Any, event: events.JobCompleted, now: datetime) -> None:
    """Keep the job once; publish it now if the lead is won, else at won. Raises Illegal."""
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
    await unit.insert(models.Job, [row], "ON CONFLICT DO NOTHING")
    if lead["state"] == "won":
        await publish_jobs(unit, lead, now)


async def publish_jobs(unit: Transaction, lead: Any, now: datetime) -> None:
    jobs = await store.leads.unpublished_jobs(unit, lead["id"])
    await announce(
        unit,
        [events.JobCompleted(lead_id=lead["id"], person_id=lead["person_id"], arrived_at=now, **job) for job in jobs],
        now,
    )
