"""People look at persons: who they are, whether two are one, and that they are not."""

from datetime import datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from services.intake import models
from services.intake.adapters.contact_details import bare_email, e164
from services.intake.domain.identity import Key, keys_of
from services.intake.store import consents, leads, persons
from shared import events
from shared.database import Transaction
from shared.outbox import emit

SOURCE = "/intake"


class NotFound(LookupError):
    """The sentence says what was looked for."""


async def find_persons(unit: Transaction, text: str) -> list[UUID]:
    """By id, email or phone (E.164); of merged persons the one they ended in."""
    try:
        found = list((await persons.roots_of(unit, [UUID(text)])).values())
    except ValueError:
        known = await persons.gather_known(unit, keys_in(text))
        found = sorted({person for holders in known.holders.values() for person in holders})
    return found


def keys_in(text: str) -> list[Key]:
    """The email or phone somebody is looked for by; an id is neither."""
    return keys_of({"email": bare_email(text) or text} if "@" in text else {"phone": e164(text) or ""})


async def find_person(unit: Transaction, text: str) -> UUID:
    found = await find_persons(unit, text)
    if not found:
        raise NotFound("There is no such person.")
    if len(found) > 1:
        raise NotFound("Several persons have this key; please name one by id: " + ", ".join(map(str, found[:20])))
    return found[0]


async def merge_persons(unit: Transaction, one: UUID, other: UUID, why: str, now: datetime) -> UUID | None:
    """Link two persons; the older stays. Every lead of the other says so. None where they are one already."""
    await persons.lock(unit, sorted({one, other}))
    roots = await persons.roots_of(unit, [one, other])
    if len(roots) < len({one, other}):
        raise NotFound("One of these persons does not exist (any more).")
    person_id, into = max(roots.values()), min(roots.values())
    if person_id == into or not await persons.mark_merged(unit, person_id, into):
        return None
    link = {"id": uuid7(), "person_id": person_id, "into_id": into, "why": why, "at": now}
    await unit.insert(models.PersonMerge, [link])
    moved = await leads.ids_of(unit, person_id)
    told = [events.PersonMerged(lead_id=lead_id, person_id=person_id, into=into) for lead_id in moved]
    await emit(unit, told, topic=events.INTAKE, source=SOURCE, at=now)
    return into


async def unmerge_person(unit: Transaction, person_id: UUID, now: datetime) -> UUID:
    """Take a merge back, for leads to come: what was decided stays, and what was refused meanwhile is refused by both. The
    two are never joined again by themselves."""
    into = await persons.undo_merge(unit, person_id, now)
    if into is None:
        raise NotFound("This person is not merged into another: see `persons show`.")
    await persons.give_back_keys(unit, person_id, into, now)
    pair = {"person_id": min(person_id, into), "other_id": max(person_id, into), "reason": "their merge was taken back"}
    task = {"id": uuid7(), **pair, "created_at": now, "settled_at": now, "outcome": "different"}
    await unit.insert(
        models.ReviewTask,
        [task],
        "ON CONFLICT (person_id, other_id) DO UPDATE SET settled_at = excluded.settled_at, outcome = excluded.outcome",
    )
    refused = await consents.refused_together(unit, person_id, into)
    kept = ("channel", "purpose", "granted", "source", "text", "text_sha256", "at")
    about = {"person_id": person_id, "reason": "refused while they were one"}
    rows = [{"id": uuid7(), **about, **{name: row[name] for name in kept}} for row in refused]
    await unit.insert(models.ConsentRow, rows)
    return into


async def settle_review(unit: Transaction, task_id: UUID, *, same: bool, now: datetime) -> None:
    pair = await persons.settle_review(unit, task_id, "same" if same else "different", now)
    if pair is None:
        raise NotFound("There is no open task of this id: see `reviews list`.")
    if same:
        await merge_persons(unit, *pair, "people said they are the same", now)
    elif len(set((await persons.roots_of(unit, pair)).values())) == 1:
        raise NotFound("They are one person already: take that back with `persons unmerge`, or settle this as --same.")


async def describe_person(unit: Transaction, person_id: UUID) -> dict[str, Any]:
    """The person with everybody merged into them: keys with their history, merges, leads."""
    together = await persons.members(unit, person_id)
    shown = ("id", "person_id", "need", "stage", "tier", "score", "grade", "opened_at")
    return {
        "person_id": person_id,
        "merged": [one for one in together if one != person_id],
        "keys": [dict(row) for row in await persons.keys_of_person(unit, together)],
        "merges": [dict(row) for row in await persons.merges_of(unit, together)],
        "leads": [{name: row[name] for name in shown} for row in await leads.leads_of(unit, together)],
    }
