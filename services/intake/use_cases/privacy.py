"""What we hold of a person is theirs: handed over whole, or forgotten in all three services."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.intake.adapters.contact_details import parts_of
from services.intake.adapters.hashes import Hasher
from services.intake.domain.identity import fold_name
from services.intake.domain.mentions import mention_of, readable
from services.intake.store import consents, persons, privacy
from services.intake.store import leads as lead_store
from services.intake.use_cases.persons import NotFound, find_persons, keys_in
from shared import events
from shared.database import Rows, Transaction
from shared.outbox import emit, withdraw

SOURCE = "/intake"


@dataclass(frozen=True, slots=True)
class Subject:
    """A person with everybody merged into them, their keys, their leads and what they sent us."""

    person_ids: list[UUID]
    roots: dict[UUID, UUID]
    keys: Rows
    leads: Rows
    submissions: Rows


async def find_subject(unit: Transaction, text: str) -> Subject:
    """By id, email or phone. The last two may be known from submissions alone, which were never identified."""
    found = await find_persons(unit, text)
    if len(found) > 1:
        raise NotFound("Several persons have this key; please name one by id: " + ", ".join(map(str, found[:20])))
    together = await persons.members(unit, found[0]) if found else []
    keys = await persons.keys_of_person(unit, together)
    held = sorted({(row["kind"], row["value"]) for row in keys} | set(keys_in(text)))
    emails, phones = ([value for kind, value in held if kind == wanted] for wanted in ("email", "phone"))
    said = [row for row in await privacy.submissions_of(unit, together, emails, phones) if _is_theirs(row, keys)]
    said += await _naming(unit, emails, phones)
    if not together and not said:
        raise NotFound("There is nobody of this id, email or phone.")
    strangers = {row["person_id"] for row in said if row["person_id"]} - set(together)  # tests, which leave no keys
    person_ids = [*together, *sorted(strangers)]
    roots = {one: one for one in strangers} | (dict.fromkeys(together, found[0]) if found else {})
    return Subject(person_ids, roots, keys, await lead_store.leads_of(unit, person_ids), said)


def _is_theirs(row: Any, keys: Rows) -> bool:
    """A phone alone may be the family's: then the last name decides."""
    if row["by_email"] or row["person_id"]:
        return True
    name, names = fold_name(row["last_name"] or ""), {key["name"] for key in keys}
    return not name or not any(names) or name in names


async def _naming(unit: Transaction, emails: list[str], phones: list[str]) -> Rows:
    """What was set aside because nobody could read it, with their email or phone somewhere in it."""
    numbers = [parts_of(phone) for phone in phones]
    rows = await privacy.submissions_with(
        unit, [email.rpartition("@")[2] for email in emails], [national for _, national in numbers]
    )
    mention = mention_of(emails, numbers)
    return [row for row in rows if mention.search(readable(row["text"]))]


async def export_person(unit: Transaction, text: str) -> dict[str, Any]:
    """Everything, as it is stored."""
    subject = await find_subject(unit, text)
    ids = subject.person_ids
    return {
        "persons": ids,
        "keys": [dict(row) for row in subject.keys],
        "merges": [dict(row) for row in await persons.merges_of(unit, ids)],
        "leads": [dict(row) for row in subject.leads],
        "scores": [dict(row) for row in await privacy.rows_about(unit, "score_entry", ids)],
        "outcomes": [dict(row) for row in await privacy.rows_about(unit, "outcome", ids)],
        "consents": [dict(row) for row in await consents.rows_of(unit, ids)],
        "reviews": [dict(row) for row in await privacy.rows_about(unit, "review_task", ids)],
        "submissions": [
            {name: row[name] for name in ("id", "form", "received_at", "state", "test", "content")} for row in subject.submissions
        ],
    }


async def erase_person(unit: Transaction, text: str, hasher: Hasher, now: datetime) -> int:
    """Gone here at once, and told to the others once per lead. Returns how many submissions were emptied."""
    subject = await find_subject(unit, text)
    await privacy.lock_submissions(unit, [row["id"] for row in subject.submissions])
    held = {(row["kind"], row["value"]) for row in subject.keys if row["kind"] != "alias"}
    await persons.lock_keys(unit, held)  # whoever is being identified by one of these finishes first, or finds nobody
    await persons.lock(unit, sorted(subject.person_ids))
    subject = await find_subject(unit, text)
    ids = [row["id"] for row in subject.submissions]
    hashes = [*hasher.of_persons(subject.person_ids), *(hasher.of(kind, value) for kind, value in sorted(held))]
    await privacy.forget_persons(unit, subject.person_ids)
    await privacy.empty_submissions(unit, ids)
    await withdraw(unit, [row["id"] for row in subject.leads] + ids)
    await privacy.remember_erasure(unit, hashes, now)
    await emit(unit, _erased(subject), topic=events.INTAKE, source=SOURCE, at=now)
    return len(ids)


def _erased(subject: Subject) -> list[events.Event]:
    """For each lead, under the person it was opened for and the one they ended in."""
    told: list[events.Event] = []
    for lead in subject.leads:
        for person_id in dict.fromkeys((lead["person_id"], subject.roots[lead["person_id"]])):
            told.append(events.PersonErased(lead_id=lead["id"], person_id=person_id))
    return told
