"""Every event read or written becomes a fact without personal data; announcing publishes it, and tells who must know."""

from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from services.handoff import store
from services.handoff.domain.origin import origin_of
from services.handoff.domain.rules import choice_of, reason_key
from services.handoff.use_cases.notify import mails_for
from services.handoff.use_cases.policy import parse_agreement
from services.handoff.use_cases.reasons import OTHER, OURS, known_reasons
from shared import events
from shared.agreement import Agreement
from shared.database import Transaction
from shared.envelope import Received, to_record
from shared.in_force import agreement_in_force
from shared.outbox import put

SOURCE = "/handoff"
EARLIEST = 1971  # 0001-01-01, 1900-01-01 and 1970-01-01 are what programs write where there is no time
_SKIP = {events.AgreementApplied}
KEPT_ELSEWHERE = {"lead_id", "decision", "consents", "external_id"}  # the lead is a column, the decision the assignment's
AS_TYPED = ("source", "campaign", "first_campaign")  # of an address bar: `origin` has what may be kept of it
ASKED = (events.LeadOpened, events.LeadQualified)
FREE_WORDS = (
    events.AssignmentEnded,
    events.LeadLost,
    events.LeadRecycled,
    events.OutcomeLost,
    events.ComplaintOpened,
    events.RecoveryNeeded,
)


async def note_received(unit: Transaction, received: list[Received], now: datetime) -> None:
    heard = [one.event for one in received]
    known, choices = await _known_reasons(unit, heard), await _choices(unit, heard)
    kept = [one for one in received if type(one.event) not in _SKIP]
    facts = [_fact(one.source, one.id, one.event, instant_of(one.at, now), known, choices) for one in kept]
    await store.facts.keep(unit, facts, again=True)


async def announce(unit: Transaction, outgoing: Sequence[events.Event], now: datetime, *, key: str | None = None) -> None:
    """Publish events in order, and keep them as facts. Lock the lead's row first."""
    ids = [uuid7() for _ in outgoing]
    records = [
        to_record(event, key=key or str(event.lead_id), source=SOURCE, at=now, event_id=event_id)  # type: ignore[attr-defined]
        for event, event_id in zip(outgoing, ids, strict=True)
    ]
    known = await _known_reasons(unit, outgoing)
    facts = [
        _fact(SOURCE, str(event_id), event, now, known, ())
        for event, event_id in zip(outgoing, ids, strict=True)
        if type(event) not in _SKIP
    ]
    await store.facts.keep(unit, facts, again=False)
    await store.mails.add(unit, mails_for(outgoing, now))
    await put(unit, events.HANDOFF, records)


async def _known_reasons(unit: Transaction, heard: Iterable[events.Event]) -> Mapping[str, str]:
    """Our own are known without the agreement: most events have no other."""
    if all(event.reason in OURS or not event.reason for event in heard if isinstance(event, FREE_WORDS)):
        return known_reasons(None)
    return known_reasons(await _agreement(unit))


async def _choices(unit: Transaction, heard: Iterable[events.Event]) -> Container[str]:
    """What may be asked for, where somebody asks."""
    if not any(event.selection for event in heard if isinstance(event, ASKED)):
        return ()
    agreement = await _agreement(unit)
    return agreement.selections if agreement else ()


async def _agreement(unit: Transaction) -> Agreement | None:
    found = await agreement_in_force(unit)
    return parse_agreement(found[1]) if found else None


def _fact(
    source: str, event_id: str, event: events.Event, at: datetime, known: Mapping[str, str], choices: Container[str]
) -> dict[str, Any]:
    data = event.model_dump(mode="json", exclude=event.personal_fields() | KEPT_ELSEWHERE)
    if isinstance(event, ASKED):
        data = {name: value for name, value in data.items() if name not in AS_TYPED}
        data["selection"] = choice_of(event.selection, choices)
        data["origin"] = origin_of(event.attribution, referred=bool(data.get("referred_by")))
    elif isinstance(event, events.AssignmentOffered):
        data |= {"pool": event.decision.pool, "rule": event.decision.rule}
    elif isinstance(event, FREE_WORDS):
        data["reason"] = known.get(reason_key(event.reason), OTHER) if event.reason else ""
    lead_id: UUID | None = getattr(event, "lead_id", None)
    return {"source": source, "event_id": event_id, "lead_id": lead_id, "type": event.TYPE, "at": at, "data": data}


def instant_of(at: datetime | None, now: datetime) -> datetime:
    """A foreign clock may lie, say nothing or name no zone: never later than now."""
    if at is None or at.year < EARLIEST:
        return now
    return min(at if at.tzinfo else at.replace(tzinfo=UTC), now)
