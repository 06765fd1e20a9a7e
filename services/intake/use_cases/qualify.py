"""The second step: who is it, is it a repeat, what is it worth; then publish. A batch is one transaction."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from services.intake import models
from services.intake.domain.identity import Known, identify, keys_of
from services.intake.domain.qualification import Verdict, qualify
from services.intake.store import agreements, leads, persons, submissions
from shared import events
from shared.agreement import Agreement, parse
from shared.database import Transaction
from shared.outbox import emit

SOURCE = "/intake"
SAME_NEED_WITHIN = timedelta(days=30)
OPEN_STAGES = {"nurturing", "mql"}

parse_agreement = lru_cache(maxsize=4)(parse)


@dataclass(slots=True)
class OpenLead:
    id: UUID
    person_id: UUID
    need: str
    stage: str
    opened_at: datetime


@dataclass(slots=True)
class Batch:
    """What one batch decided, to be written in a few multi-row statements."""

    known: Known
    leads: dict[UUID, list[OpenLead]]
    agreement: Agreement
    agreement_hash: str
    now: datetime
    persons: list[dict[str, Any]] = field(default_factory=list)
    person_keys: list[dict[str, Any]] = field(default_factory=list)
    reviews: list[dict[str, Any]] = field(default_factory=list)
    new_leads: list[dict[str, Any]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    consents: list[dict[str, Any]] = field(default_factory=list)
    states: list[tuple[UUID, str, str | None]] = field(default_factory=list)
    touched: set[UUID] = field(default_factory=set)
    outgoing: list[events.Event] = field(default_factory=list)


async def qualify_waiting(unit: Transaction, *, limit: int, now: datetime) -> int:
    """Take waiting submissions and decide them. Returns how many; 0 also while no agreement has arrived yet."""
    agreement = await agreements.current_agreement(unit)
    if agreement is None:
        return 0
    rows = await submissions.take_waiting(unit, limit)
    if not rows:
        return 0
    keys = list(dict.fromkeys(key for row in rows for key in keys_of(row["content"]["fields"])))
    await persons.lock_keys(unit, keys)
    known = await persons.gather_known(unit, keys)
    earlier = await _leads_of(unit, {person for holders in known.holders.values() for person in holders})
    batch = Batch(known, earlier, parse_agreement(agreement[1]), agreement[0], now)
    for row in rows:
        _decide(batch, row)
    await _save(unit, batch)
    await emit(unit, batch.outgoing, topic=events.INTAKE, source=SOURCE, at=now)
    return len(rows)


async def _leads_of(unit: Transaction, person_ids: Iterable[UUID]) -> dict[UUID, list[OpenLead]]:
    found: dict[UUID, list[OpenLead]] = {}
    for row in await leads.gather_leads(unit, list(person_ids)):
        found.setdefault(row["person_id"], []).append(OpenLead(**row))
    return found


def _decide(batch: Batch, row: Any) -> None:
    """Identify, then either touch the lead that is already open for this need, or open a new one."""
    content, lead_id = row["content"], row["id"]
    person_id = _identify(batch, content["fields"])
    batch.consents += [_consent(one, person_id, lead_id, row["received_at"]) for one in content["consents"]]
    need = content["fields"].get("selection") or "question"
    earlier = [] if row["test"] else batch.leads.get(person_id, [])
    same = next((one for one in earlier if _is_same_need(one, need, row["received_at"])), None)
    if same is not None:
        _touch(batch, row, person_id, same)
        return
    verdict = qualify(
        content["fields"],
        content["attribution"],
        points=batch.agreement.score,
        selections=batch.agreement.selections,
        area=batch.agreement.area.postal_codes,
        is_client=any(one.stage == "won" for one in earlier),
        is_repeat=any(row["received_at"] - one.opened_at <= timedelta(days=7) for one in earlier),
    )
    _open(batch, row, person_id, need, verdict)


def _identify(batch: Batch, fields: dict[str, str]) -> UUID:
    keys = keys_of(fields)
    last_name = fields.get("last_name", "")
    identity = identify(keys, last_name, batch.known)
    person_id = identity.person_id or uuid7()
    if identity.person_id is None:
        batch.persons.append({"id": person_id, "created_at": batch.now})
        if identity.conflict:
            batch.reviews.append(
                {
                    "id": uuid7(),
                    "person_id": person_id,
                    "other_id": identity.conflict,
                    "reason": "one phone, two last names",
                    "created_at": batch.now,
                }
            )
    for kind, value in keys:
        if person_id not in batch.known.holders.get((kind, value), {}):
            batch.known.add((kind, value), person_id, last_name)
            batch.person_keys.append(
                {"kind": kind, "value": value, "person_id": person_id, "last_name": last_name, "seen_at": batch.now}
            )
    return person_id


def _is_same_need(lead: OpenLead, need: str, at: datetime) -> bool:
    return lead.stage in OPEN_STAGES and lead.need == need and at - lead.opened_at <= SAME_NEED_WITHIN


def _touch(batch: Batch, row: Any, person_id: UUID, same: OpenLead) -> None:
    batch.states.append((row["id"], "merged", None))
    batch.touched.add(same.id)
    message = row["content"]["fields"].get("message", "")
    batch.outgoing.append(events.LeadMerged(lead_id=row["id"], person_id=person_id, into=same.id))
    batch.outgoing.append(
        events.LeadTouched(
            lead_id=same.id, person_id=person_id, form=row["form"], message=message, received_at=row["received_at"]
        )
    )


def _open(batch: Batch, row: Any, person_id: UUID, need: str, verdict: Verdict) -> None:
    lead_id, fields = row["id"], row["content"]["fields"]
    if not row["test"]:
        lead = OpenLead(lead_id, person_id, need, verdict.stage, row["received_at"])
        batch.leads.setdefault(person_id, []).insert(0, lead)
    batch.states.append((lead_id, "disqualified" if verdict.stage == "disqualified" else "open", verdict.reason))
    batch.new_leads.append(
        {
            "id": lead_id,
            "person_id": person_id,
            "need": need,
            "stage": verdict.stage,
            "tier": verdict.tier,
            "score": verdict.score,
            "agreement": batch.agreement_hash,
            "opened_at": row["received_at"],
            "touched_at": batch.now,
        }
    )
    batch.lines += [
        {"lead_id": lead_id, "line": number, "axis": line.axis, "reason": line.reason, "points": line.points}
        for number, line in enumerate(verdict.lines)
    ]
    opened = events.LeadOpened(
        lead_id=lead_id,
        person_id=person_id,
        form=row["form"],
        selection=fields.get("selection", ""),
        test=row["test"],
        received_at=row["received_at"],
        attribution=row["content"]["attribution"],
    )
    batch.outgoing += [opened, _verdict_event(batch, row, person_id, verdict)]


def _verdict_event(batch: Batch, row: Any, person_id: UUID, verdict: Verdict) -> events.Event:
    lead_id, content, used = row["id"], row["content"], batch.agreement_hash
    if verdict.stage == "disqualified":
        reason = verdict.reason or "not a lead"
        return events.LeadDisqualified(lead_id=lead_id, person_id=person_id, reason=reason, agreement=used)
    if verdict.stage == "nurturing":
        return events.LeadNurturing(lead_id=lead_id, person_id=person_id, score=verdict.score, agreement=used)
    fields = content["fields"]
    names = ("first_name", "last_name", "email", "phone", "postal_code")
    return events.LeadQualified(
        lead_id=lead_id,
        person_id=person_id,
        form=row["form"],
        selection=fields.get("selection", ""),
        message=fields.get("message", ""),
        answers=content["answers"],
        external_id=content["external_id"],
        test=row["test"],
        tier=verdict.tier,
        score=verdict.score,
        received_at=row["received_at"],
        contact=events.Contact(**{name: fields[name] for name in names if name in fields}),
        attribution=content["attribution"],
        consents=[events.Consent(**one) for one in content["consents"]],
        agreement=used,
    )


def _consent(one: dict[str, Any], person_id: UUID, lead_id: UUID, at: datetime) -> dict[str, Any]:
    digest = sha256(one["text"].encode("utf-8", "surrogatepass")).hexdigest()
    return {"id": uuid7(), "person_id": person_id, "lead_id": lead_id, **one, "text_sha256": digest, "at": at}


async def _save(unit: Transaction, batch: Batch) -> None:
    await unit.insert(models.Person, batch.persons)
    await unit.insert(models.PersonKey, batch.person_keys)
    await unit.insert(models.ReviewTask, batch.reviews)
    await unit.insert(models.Lead, batch.new_leads)
    await unit.insert(models.ScoreEntry, batch.lines)
    await unit.insert(models.ConsentRow, batch.consents)
    await submissions.settle(unit, batch.states)
    if batch.touched:
        await leads.touch_leads(unit, sorted(batch.touched), batch.now)
