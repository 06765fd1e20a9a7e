"""Whose submission is it: the person, their keys, who turned out to be the same, and whom people should look at."""

from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from services.intake.domain.identity import fold_name, identify, keys_of, keys_to_keep
from services.intake.use_cases.qualify.batch import Batch


def find_person(batch: Batch, row: Any) -> UUID:
    """A test is nobody we know: it gets a person of its own, and leaves no key behind."""
    if row["test"]:
        return _new_person(batch)
    fields, content = row["content"]["fields"], row["content"]
    keys, name = keys_of(fields), fields.get("last_name", "")
    if content.get("person_id") and (root := batch.roots.get(UUID(content["person_id"]))):
        return root
    identity = identify(keys, name, batch.known)
    person_id = identity.person_id or _new_person(batch)
    for other in identity.same:
        person_id = _merge(batch, person_id, other, row["id"])
    for other, reason in identity.maybe:
        _ask(batch, person_id, other, reason)
    _keep_keys(batch, person_id, keys_to_keep(keys), fold_name(name), row["id"])
    return person_id


def _new_person(batch: Batch) -> UUID:
    person_id = uuid7()
    batch.persons.append({"id": person_id, "created_at": batch.now})
    return person_id


def _keep_keys(batch: Batch, person_id: UUID, keys: list[tuple[str, str]], name: str, lead_id: UUID) -> None:
    for kind, value in keys:
        if not batch.known.has((kind, value), person_id, name):
            batch.known.add((kind, value), person_id, name)
            link = {"kind": kind, "value": value, "person_id": person_id, "name": name}
            batch.person_keys.append(link | {"since": batch.now, "why": "submission", "lead_id": lead_id})


def _merge(batch: Batch, one: UUID, other: UUID, lead_id: UUID) -> UUID:
    """The older one stays (ids rise with time); the other is linked to them, and every lead of theirs says so."""
    into, person_id = min(one, other), max(one, other)
    link = {"id": uuid7(), "person_id": person_id, "into_id": into, "why": "one submission with keys of both"}
    batch.merges.append(link | {"lead_id": lead_id, "at": batch.now})
    batch.known.join(person_id, into)
    moved = batch.leads.pop(person_id, [])
    together = [*batch.leads.get(into, []), *moved]
    if together:
        batch.leads[into] = sorted(together, key=lambda lead: lead.opened_at, reverse=True)
    if answers := batch.answers.pop(person_id, []):
        batch.answers[into] = [*batch.answers.get(into, []), *answers]
    return into


def _ask(batch: Batch, person_id: UUID, other: UUID, reason: str) -> None:
    pair = {"person_id": min(person_id, other), "other_id": max(person_id, other)}
    batch.reviews.append({"id": uuid7(), **pair, "reason": reason, "created_at": batch.now})
