"""Open leads are scored again by a new agreement, a batch at a time, from where the last one stopped."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from services.intake.domain.consent import Answer
from services.intake.domain.qualification import judge, reprice, score_lines
from services.intake.domain.scoring import Line
from services.intake.store import agreements, campaigns, consents, leads, persons, submissions
from services.intake.use_cases.qualify.rows import line_rows, verdict_row
from services.intake.use_cases.qualify.wire import verdict_event
from services.intake.use_cases.terms import Agreed, terms_in_force
from shared import events
from shared.database import Transaction
from shared.outbox import emit

SOURCE = "/intake"


@dataclass(slots=True)
class Known:
    """What telling sales of a lead needs, besides the lead."""

    agreed: Agreed
    applied_at: datetime
    now: datetime
    roots: dict[UUID, UUID]
    first: dict[UUID, dict[str, str]]
    answers: dict[UUID, list[Answer]]
    promises: dict[str, str]


@dataclass(slots=True)
class Again:
    """What scoring a batch again decided."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    states: list[tuple[UUID, str, str | None, UUID | None]] = field(default_factory=list)
    outgoing: list[events.Event] = field(default_factory=list)


async def rescore_batch(unit: Transaction, *, limit: int, now: datetime) -> int:
    """Score the next leads; the progress is committed with them. Returns how many; 0 when there is nothing to do."""
    found = await agreements.take_rescore(unit)
    if found is None:
        return 0
    agreed = terms_in_force(found["agreement"], found["text"])
    ids = await agreements.next_to_rescore(unit, found["reached"], agreed.hash, limit)
    again = await _rescore(unit, ids, agreed, found["at"], now)
    await agreements.note_progress(
        unit,
        agreed.hash,
        reached=ids[-1] if ids else None,
        done=len(ids),
        qualified=len(again.outgoing) - len(again.states),
        disqualified=len(again.states),
        finished_at=now if len(ids) < limit else None,
    )
    return len(ids)


async def _rescore(unit: Transaction, ids: Sequence[UUID], agreed: Agreed, applied_at: datetime, now: datetime) -> Again:
    again = Again()
    rows = await leads.lock_for_scoring(unit, ids)
    lines = await leads.lines_of_leads(unit, ids)
    roots = await persons.roots_of(unit, [row["person_id"] for row in rows])
    known = Known(
        agreed,
        applied_at,
        now,
        roots,
        first=await leads.attributions(unit, [row["first_touch"] for row in rows if row["first_touch"]]),
        answers=await consents.answers_of(unit, list(set(roots.values()))),
        promises=await campaigns.promises(unit, [row["campaign"] for row in rows if row["campaign"]]),
    )
    for row in rows:
        _judge_again(again, known, row, lines[row["id"]])
    await agreements.replace_lines(unit, ids, again.lines)
    await leads.save_verdicts(unit, again.verdicts)
    await submissions.settle(unit, again.states)
    await emit(unit, again.outgoing, topic=events.INTAKE, source=SOURCE, at=now)
    return again


def _judge_again(again: Again, known: Known, row: Any, earlier: list[Line]) -> None:
    """What sales has, sales keeps: only the points change. A nurtured lead is judged as of the agreement's own time."""
    terms, nurtured = known.agreed.terms, row["stage"] == "nurturing"
    at = max(known.applied_at, row["decided_at"]) if nurtured else row["decided_at"]
    lines = reprice(earlier, row, terms)
    score = score_lines(lines, at, terms.points)
    verdict = judge(row["content"]["fields"], score, terms)
    stage = verdict.stage if nurtured else row["stage"]
    if stage != row["stage"]:
        person_id = known.roots.get(row["person_id"], row["person_id"])
        lead = {"id": row["id"], "person_id": person_id, "campaign": row["campaign"]}
        told = known.first.get(row["first_touch"], {}), known.answers.get(person_id, []), known.promises
        again.outgoing.append(verdict_event(known.agreed, lead, row, verdict, score, *told))
    if stage == "disqualified":
        again.states.append((row["id"], stage, verdict.reason, None))
    again.verdicts.append(verdict_row(row["id"], stage, verdict.tier, score, known.agreed, at, known.now))
    again.lines += line_rows(row["id"], lines)
