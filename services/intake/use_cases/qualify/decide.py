"""One submission: whose is it, and is it a new lead, or does somebody reach out again for one that is open?"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.intake.adapters.disposable import is_disposable
from services.intake.domain.qualification import History, Verdict, judge, lines_of, score_lines
from services.intake.domain.scoring import Score
from services.intake.use_cases.qualify.batch import Batch, EarlierLead, Touch, campaign_of
from services.intake.use_cases.qualify.consents import note_consents, remember
from services.intake.use_cases.qualify.people import find_person
from services.intake.use_cases.qualify.rows import line_rows
from services.intake.use_cases.qualify.wire import opened, verdict_event
from shared import events

SAME_NEED_WITHIN = timedelta(days=30)
REPEAT_WITHIN = timedelta(days=7)
ENDED = ("won", "lost", "disqualified", "merged")


def decide(batch: Batch, row: Any) -> None:
    """Identify, then either touch the lead that is already open for this need, or open a new one."""
    person_id = find_person(batch, row)
    need = row["content"]["fields"].get("selection") or "question"
    earlier = batch.leads.get(person_id, [])
    same = next((one for one in earlier if _is_same_need(one, need, row["received_at"])), None)
    if same is not None and same.stage != "recycled":
        note_consents(batch, row, person_id, same.id, published=False)
        _reach_out_again(batch, row, person_id, same)
    else:
        _open(batch, row, person_id, need, earlier)
        if same is not None:  # sales gave it back: the hand that is raised now goes to them as a lead of its own
            _replace(batch, same, person_id, row["id"])
    remember(batch, row, person_id)
    for one in earlier:
        if one.stage == "nurturing" and one is not same and one.id != row["id"]:
            batch.touches.append(Touch(one.id, person_id, row["received_at"]))


def _is_same_need(lead: EarlierLead, need: str, at: datetime) -> bool:
    return lead.stage not in ENDED and lead.need == need and at - lead.opened_at <= SAME_NEED_WITHIN


def _reach_out_again(batch: Batch, row: Any, person_id: UUID, same: EarlierLead) -> None:
    batch.states.append((row["id"], "merged", None, same.id))
    batch.touches.append(Touch(same.id, person_id, row["received_at"], again=row))
    batch.outgoing.append(events.LeadMerged(lead_id=row["id"], person_id=person_id, into=same.id))


def _replace(batch: Batch, old: EarlierLead, person_id: UUID, lead_id: UUID) -> None:
    old.stage = "merged"
    batch.replaced.append(old.id)
    batch.states.append((old.id, "merged", None, lead_id))
    batch.outgoing.append(events.LeadMerged(lead_id=old.id, person_id=person_id, into=lead_id))


def _open(batch: Batch, row: Any, person_id: UUID, need: str, earlier: list[EarlierLead]) -> None:
    content, at, terms = row["content"], row["received_at"], batch.agreed.terms
    history = History(
        is_client=any(one.stage == "won" for one in earlier),
        is_repeat=any(at - one.opened_at <= REPEAT_WITHIN for one in earlier),
        was_not_interested=any(one.id in batch.not_interested for one in earlier),
        is_disposable=is_disposable(content["fields"].get("email", "")),
    )
    lines = lines_of(content, history, terms, at)
    score = score_lines(lines, at, terms.points)
    verdict = judge(content["fields"], score, terms)
    lead = _lead_row(batch, row, person_id, need, verdict, score)
    oldest = earlier[-1] if earlier else None
    lead["first_touch"] = (oldest.first_touch or oldest.id) if oldest else row["id"]
    batch.new_leads.append(lead)
    batch.lines += line_rows(row["id"], lines)
    batch.states.append((row["id"], "disqualified" if verdict.stage == "disqualified" else "open", verdict.reason, None))
    first = batch.attributions.get(lead["first_touch"], content["attribution"])
    batch.outgoing.append(opened(row, person_id, campaign=lead["campaign"], first_campaign=campaign_of(first)))
    note_consents(batch, row, person_id, row["id"], published=verdict.stage == "mql")
    revoked = batch.answers.get(person_id, [])
    batch.outgoing.append(verdict_event(batch.agreed, lead, row, verdict, score, first, revoked, batch.promises))
    if not row["test"]:
        new = EarlierLead(row["id"], person_id, need, verdict.stage, at, lead["first_touch"], lead["campaign"])
        batch.leads[person_id] = [new, *earlier]
        batch.attributions[row["id"]] = content["attribution"]


def _lead_row(batch: Batch, row: Any, person_id: UUID, need: str, verdict: Verdict, score: Score) -> dict[str, Any]:
    return {
        "id": row["id"],
        "person_id": person_id,
        "need": need,
        "stage": verdict.stage,
        "test": row["test"],
        "tier": verdict.tier,
        "score": score.score,
        "grade": score.grade,
        "agreement": batch.agreed.hash,
        "campaign": campaign_of(row["content"]["attribution"]) or None,
        "first_touch": row["id"],
        "last_touch": row["id"],
        "opened_at": row["received_at"],
        "decided_at": row["received_at"],
        "touched_at": batch.now,
    }
