"""Decisions as rows."""

from datetime import datetime
from typing import Any
from uuid import UUID

from services.intake.domain.scoring import Line, Score
from services.intake.use_cases.terms import Agreed

LINE = ("axis", "kind", "rule", "reason", "points", "at")


def line_rows(lead_id: UUID, lines: list[Line], first: int = 0) -> list[dict[str, Any]]:
    return [
        {"lead_id": lead_id, "line": number, **{name: getattr(line, name) for name in LINE}}
        for number, line in enumerate(lines, first)
    ]


def verdict_row(
    lead_id: UUID, stage: str, tier: str, score: Score, agreed: Agreed, decided_at: datetime, now: datetime
) -> dict[str, Any]:
    return {
        "id": lead_id,
        "stage": stage,
        "tier": tier,
        "score": score.score,
        "grade": score.grade,
        "agreement": agreed.hash,
        "decided_at": decided_at,
        "touched_at": now,
    }
