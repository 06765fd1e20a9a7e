"""A batch of submissions: what is known before deciding, and what was decided, to be written in a few statements."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from services.intake import models
from services.intake.domain.campaigns import campaign_key
from services.intake.domain.consent import Answer
from services.intake.domain.identity import Key, Known, keys_of, suggesting_keys
from services.intake.store import campaigns, consents, leads, persons, submissions
from services.intake.use_cases.terms import Agreed
from shared import events
from shared.database import Transaction


@dataclass(slots=True)
class EarlierLead:
    """A lead the person had when the batch began, or got from it."""

    id: UUID
    person_id: UUID
    need: str
    stage: str
    opened_at: datetime
    first_touch: UUID | None = None
    campaign: str | None = None


@dataclass(frozen=True, slots=True)
class Touch:
    """Something happened for an open lead. `again`: its very need was raised again, and that submission is merged into it."""

    lead_id: UUID
    person_id: UUID
    at: datetime
    again: Any = None


@dataclass(slots=True)
class Batch:
    """First what is known, then what was decided."""

    agreed: Agreed
    now: datetime
    known: Known
    roots: dict[UUID, UUID]
    leads: dict[UUID, list[EarlierLead]]
    answers: dict[UUID, list[Answer]]
    not_interested: set[UUID]
    attributions: dict[UUID, dict[str, str]]
    promises: dict[str, str]
    persons: list[dict[str, Any]] = field(default_factory=list)
    person_keys: list[dict[str, Any]] = field(default_factory=list)
    merges: list[dict[str, Any]] = field(default_factory=list)
    reviews: list[dict[str, Any]] = field(default_factory=list)
    new_leads: list[dict[str, Any]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    consents: list[dict[str, Any]] = field(default_factory=list)
    states: list[tuple[UUID, str, str | None, UUID | None]] = field(default_factory=list)
    replaced: list[UUID] = field(default_factory=list)
    touches: list[Touch] = field(default_factory=list)
    outgoing: list[events.Event] = field(default_factory=list)


async def gather(unit: Transaction, rows: Sequence[Any], agreed: Agreed, now: datetime) -> Batch:
    """Who these people may be and what we know of them: a fixed number of queries, most only where somebody is known."""
    named = [row for row in rows if not row["test"]]
    keys = list(dict.fromkeys(key for row in named for key in keys_of(row["content"]["fields"])))
    await persons.lock_keys(unit, keys)
    known = await _gather_known(unit, named, keys)
    given = {UUID(row["content"]["person_id"]) for row in named if row["content"].get("person_id")}
    roots = await persons.roots_of(unit, sorted(given)) if given else {}
    people = list({person for holders in known.holders.values() for person in holders} | set(roots.values()))
    earlier = await _leads_of(unit, people) if people else {}
    ids = [lead.id for found in earlier.values() for lead in found]
    touches = [found[-1].first_touch or found[-1].id for found in earlier.values()]
    campaigns_named = sorted({key for row in rows if (key := campaign_of(row["content"]["attribution"]))})
    return Batch(
        agreed,
        now,
        known,
        roots,
        earlier,
        answers=await consents.answers_of(unit, people) if people else {},
        not_interested=await leads.not_interested(unit, ids) if ids else set(),
        attributions=await leads.attributions(unit, touches) if touches else {},
        promises=await campaigns.promises(unit, campaigns_named) if campaigns_named else {},
    )


async def _gather_known(unit: Transaction, rows: Iterable[Any], keys: list[Key]) -> Known:
    lookups = list(dict.fromkeys([*keys, *suggesting_keys(keys)]))
    if not lookups:
        return Known()
    known = await persons.gather_known(unit, lookups)
    rivals: set[UUID] = set()
    for row in rows:
        people = {person for key in keys_of(row["content"]["fields"]) for person in known.holders.get(key, {})}
        rivals |= people if len(people) > 1 else set()
    if rivals:  # they may be merged: nobody else may do that now
        await persons.lock(unit, sorted(rivals))
        known = await persons.gather_known(unit, lookups)
        known.names = await persons.names_of(unit, sorted(rivals))
    return known


async def _leads_of(unit: Transaction, people: Sequence[UUID]) -> dict[UUID, list[EarlierLead]]:
    found: dict[UUID, list[EarlierLead]] = {}
    for row in await leads.gather_leads(unit, people):
        found.setdefault(row["person_id"], []).append(EarlierLead(**row))
    return found


def campaign_of(attribution: dict[str, str]) -> str:
    return campaign_key(attribution.get("utm_campaign", ""))


async def _merge(unit: Transaction, person_id: UUID, into: UUID) -> list[events.Event]:
    """Every lead of theirs says so, those of this batch too."""
    moved = await leads.ids_of(unit, person_id)
    await persons.mark_merged(unit, person_id, into)
    return [events.PersonMerged(lead_id=lead_id, person_id=person_id, into=into) for lead_id in moved]


async def save(unit: Transaction, batch: Batch) -> None:
    await unit.insert(models.Person, batch.persons)
    await unit.insert(models.PersonKey, batch.person_keys)
    await unit.insert(models.PersonMerge, batch.merges)
    await unit.insert(models.ReviewTask, batch.reviews, "ON CONFLICT (person_id, other_id) DO NOTHING")
    await unit.insert(models.Lead, batch.new_leads)
    for merge in batch.merges:
        batch.outgoing += await _merge(unit, merge["person_id"], merge["into_id"])
    await unit.insert(models.ScoreEntry, batch.lines)
    await unit.insert(models.ConsentRow, batch.consents)
    if batch.replaced:
        await leads.mark_replaced(unit, batch.replaced, batch.now)
    await submissions.settle(unit, batch.states)
