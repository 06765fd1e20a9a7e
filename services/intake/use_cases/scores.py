"""Every point of a lead's score, as it was decided and as it is worth now."""

from datetime import datetime
from typing import Any
from uuid import UUID

from services.intake.domain.qualification import score_lines
from services.intake.domain.scoring import Score
from services.intake.store import agreements, leads
from services.intake.use_cases.terms import terms_in_force
from shared.database import Transaction


async def explain_score(unit: Transaction, lead_id: UUID, now: datetime) -> dict[str, Any] | None:
    """None for a lead that is not ours."""
    lead = await leads.lead(unit, lead_id)
    if lead is None:
        return None
    agreement = await agreements.agreement_of(unit, lead["agreement"])
    if agreement is None:
        raise LookupError("the agreement of this lead is gone")
    points = terms_in_force(*agreement).terms.points
    lines = (await leads.lines_of_leads(unit, [lead_id]))[lead_id]
    decided = score_lines(lines, lead["decided_at"], points)
    return {
        "lead_id": lead_id,
        **{name: lead[name] for name in ("stage", "tier", "agreement")},
        **_shown(decided, lead["decided_at"]),
        "now": _shown(score_lines(lines, max(now, lead["decided_at"]), points), now),
    }


def _shown(score: Score, at: datetime) -> dict[str, Any]:
    """`counts` add up to the score exactly; `points` are what a line is worth at that time, `earned` when it was new."""
    points = [
        {
            "axis": point.axis,
            "rule": point.rule,
            "reason": point.reason,
            "earned": point.earned,
            "at": point.at,
            "points": point.hundredths / 100,
            "counts": point.counts / 1000,
        }
        for point in score.points
    ]
    return {"at": at, "score": score.score, "grade": score.grade, "fit": score.fit, "intent": score.intent, "points": points}
