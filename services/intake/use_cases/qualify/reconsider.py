"""Something happened for leads that are open: they earn a line, are worth more now, and may qualify by it."""

from dataclasses import dataclass
from typing import Any

from services.intake import models
from services.intake.domain.qualification import judge, line_of, reprice, score_lines
from services.intake.domain.scoring import Line
from services.intake.store import agreements, campaigns, leads
from services.intake.use_cases.qualify.batch import Batch, Touch
from services.intake.use_cases.qualify.rows import line_rows, verdict_row
from services.intake.use_cases.qualify.wire import contact_of, verdict_event
from shared import events
from shared.database import Transaction


@dataclass(slots=True)
class Standing:
    """A lead with its lines, while it is reconsidered. `known_lines`: how many of them are stored as they are."""

    row: Any
    lines: list[Line]
    stage: str
    known_lines: int
    verdict: dict[str, Any] | None = None


async def reconsider(unit: Transaction, batch: Batch) -> None:
    """The touches of a batch, in order: lead.touched where the need was raised again, lead.qualified where it now is."""
    ids = sorted({touch.lead_id for touch in batch.touches})
    if not ids:
        return
    rows = await leads.lock_for_scoring(unit, ids)
    lines = await leads.lines_of_leads(unit, ids)
    first = await leads.attributions(unit, [row["first_touch"] for row in rows if row["first_touch"]])
    promises = await campaigns.promises(unit, [row["campaign"] for row in rows if row["campaign"]])
    standing = {row["id"]: Standing(row, lines[row["id"]], row["stage"], len(lines[row["id"]])) for row in rows}
    await _reprice(unit, batch, [one for one in standing.values() if one.row["agreement"] != batch.agreed.hash])
    for touch in batch.touches:
        if one := standing.get(touch.lead_id):
            _touch(batch, one, touch, first.get(one.row["first_touch"], {}), promises)
    await unit.insert(models.ScoreEntry, [r for one in standing.values() for r in _new_line_rows(one)])
    await leads.save_verdicts(unit, [one.verdict for one in standing.values() if one.verdict])


async def _reprice(unit: Transaction, batch: Batch, earlier: list[Standing]) -> None:
    """A new agreement is in force, and scoring again has not come to these yet: whatever is decided now goes by it whole."""
    for one in earlier:
        one.lines, one.known_lines = reprice(one.lines, one.row, batch.agreed.terms), 0
    if earlier:
        await agreements.replace_lines(unit, [one.row["id"] for one in earlier], [])


def _touch(batch: Batch, one: Standing, touch: Touch, first: dict[str, str], promises: dict[str, str]) -> None:
    terms, row = batch.agreed.terms, one.row
    at = max(touch.at, row["decided_at"])
    one.lines.append(line_of("repeat", terms.points, at))
    score = score_lines(one.lines, at, terms.points)
    verdict = judge(row["content"]["fields"], score, terms)
    if touch.again is not None:
        batch.outgoing.append(_touched(touch, verdict.tier, score.score))
    if one.stage == "nurturing" and verdict.stage == "mql":
        one.stage = "mql"
        earlier = batch.answers.get(touch.person_id, [])
        lead = {"id": row["id"], "person_id": touch.person_id, "campaign": row["campaign"]}
        batch.outgoing.append(verdict_event(batch.agreed, lead, row, verdict, score, first, earlier, promises))
    one.verdict = verdict_row(row["id"], one.stage, verdict.tier, score, batch.agreed, at, batch.now)


def _touched(touch: Touch, tier: str, score: int) -> events.Event:
    again = touch.again
    content = again["content"]
    return events.LeadTouched(
        lead_id=touch.lead_id,
        person_id=touch.person_id,
        form=again["form"],
        message=content["fields"].get("message", ""),
        received_at=again["received_at"],
        tier=tier,
        score=score,
        contact=contact_of(content["fields"]),
        answers=content.get("answers", {}),
    )


def _new_line_rows(one: Standing) -> list[dict[str, Any]]:
    return line_rows(one.row["id"], one.lines[one.known_lines :], one.known_lines)
