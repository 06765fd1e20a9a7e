"""People say that a lead is none: a wrong number, a job seeker, spam."""

from datetime import datetime
from uuid import UUID

from services.intake.store import leads, persons, submissions
from services.intake.use_cases.persons import NotFound
from shared import events
from shared.database import Transaction
from shared.outbox import emit

SOURCE = "/intake"
REASONS = ("spam", "wrong_number", "out_of_area", "duplicate", "vendor", "job_seeker", "not_interested", "test")
WITH_MARKETING = ("nurturing", "mql", "recycled")


class NotMarketings(Exception):
    """Sales has the lead, or it ended."""


async def disqualify_lead(unit: Transaction, lead_id: UUID, reason: str, now: datetime) -> None:
    """While it is marketing's: what sales has accepted, sales ends. Raises NotFound or NotMarketings."""
    lead = await leads.lock_lead(unit, lead_id)
    if lead is None:
        raise NotFound("There is no lead of this id.")
    if lead["stage"] not in WITH_MARKETING:
        raise NotMarketings("This lead is with sales or ended: they say what became of it.")
    root = (await persons.roots_of(unit, [lead["person_id"]]))[lead["person_id"]]
    await leads.set_stage(unit, lead_id, "disqualified", now)
    await submissions.settle(unit, [(lead_id, "disqualified", reason, None)])
    told = events.LeadDisqualified(lead_id=lead_id, person_id=root, reason=reason, agreement=lead["agreement"])
    await emit(unit, [told], topic=events.INTAKE, source=SOURCE, at=now)
