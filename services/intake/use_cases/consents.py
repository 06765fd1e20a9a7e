"""Consent given or taken back outside a form: a row of evidence, and an event unless we heard it from one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from services.intake import models
from services.intake.domain.consent import current
from services.intake.store import consents, leads, persons
from services.intake.use_cases.persons import NotFound
from services.intake.use_cases.qualify.consents import digest_of
from shared import events
from shared.database import Transaction
from shared.envelope import Received
from shared.outbox import emit

SOURCE = "/intake"


@dataclass(frozen=True, slots=True)
class Said:
    """What a person said, by a call, a letter or an API. No purpose means every purpose."""

    channel: str
    granted: bool
    purpose: str | None = None
    text: str = ""
    reason: str = "request"
    seller: str | None = None


async def record_consent(unit: Transaction, person_id: UUID, said: Said, *, source: str, now: datetime) -> UUID:
    """Returns the id of the evidence. The event goes with the person's newest lead."""
    root = (await persons.roots_of(unit, [person_id])).get(person_id)
    if root is None:
        raise NotFound("There is no such person.")
    newest = (await leads.leads_of(unit, await persons.members(unit, root)))[-1]
    evidence_id = uuid7()
    row = _row(root, said, source, now) | {"id": evidence_id, "lead_id": newest["id"]}
    await unit.insert(models.ConsentRow, [row])
    await emit(unit, [_event(root, newest["id"], said, now)], topic=events.INTAKE, source=SOURCE, at=now)
    return evidence_id


def _row(person_id: UUID, said: Said, source: str, now: datetime) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "person_id": person_id,
        "lead_id": None,
        "channel": said.channel,
        "purpose": said.purpose,
        "granted": said.granted,
        "source": source,
        "text": said.text,
        "text_sha256": digest_of(said.text),
        "seller": said.seller,
        "reason": said.reason,
        "at": now,
    }


def _event(person_id: UUID, lead_id: UUID, said: Said, now: datetime) -> events.Event:
    if said.granted:
        given = {"channel": said.channel, "purpose": said.purpose, "text": said.text, "seller": said.seller}
        consent = events.Consent(granted=True, **given, text_sha256=digest_of(said.text), at=now)
        return events.ConsentGranted(lead_id=lead_id, person_id=person_id, consent=consent)
    return events.ConsentRevoked(
        person_id=person_id, lead_id=lead_id, channel=said.channel, purpose=said.purpose, reason=said.reason
    )


async def keep_consents(unit: Transaction, received: list[Received], now: datetime) -> None:
    """Given or taken back in a mail or on a page of followup: kept, not echoed. Nobody is revived by it."""
    heard: list[Any] = [one.event for one in received]
    roots = await persons.roots_of(unit, [event.person_id for event in heard])
    rows = [
        _row(roots[event.person_id], _said(event), "followup", one.at or now)
        for event, one in zip(heard, received, strict=True)
        if event.person_id in roots
    ]
    await unit.insert(models.ConsentRow, rows)


def _said(event: events.ConsentGranted | events.ConsentRevoked) -> Said:
    if isinstance(event, events.ConsentRevoked):
        return Said(event.channel, False, event.purpose, "", event.reason)
    return Said(event.consent.channel, event.consent.granted, event.consent.purpose, event.consent.text)


async def consents_of(unit: Transaction, person_id: UUID) -> dict[str, Any]:
    """What stands now, and everything that was ever said."""
    root = (await persons.roots_of(unit, [person_id])).get(person_id)
    if root is None:
        raise NotFound("There is no such person.")
    answers = (await consents.answers_of(unit, [root])).get(root, [])
    standing = [{"channel": one.channel, "purpose": one.purpose, "granted": one.granted} for one in current(answers)]
    evidence = [dict(row) for row in await consents.rows_of(unit, await persons.members(unit, root))]
    return {"person_id": root, "current": standing, "evidence": evidence}
