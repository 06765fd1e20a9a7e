"""Consent: evidence that is only ever added to."""

from collections.abc import Sequence
from uuid import UUID

from services.intake.domain.consent import Answer
from services.intake.store.persons import MEMBERS
from shared.database import Rows, Transaction


async def answers_of(unit: Transaction, person_ids: Sequence[UUID]) -> dict[UUID, list[Answer]]:
    """Everything these persons (and those merged into them) answered, oldest first."""
    rows = await unit.fetch(
        MEMBERS + "SELECT m.root, c.channel, c.purpose, c.granted, c.text FROM member m JOIN consent c ON c.person_id = m.id "  # noqa: S608
        "ORDER BY c.at, c.id",
        person_ids,
    )
    found: dict[UUID, list[Answer]] = {}
    for row in rows:
        found.setdefault(row["root"], []).append(Answer(row["channel"], row["purpose"], row["granted"], row["text"]))
    return found


async def rows_of(unit: Transaction, person_ids: Sequence[UUID]) -> Rows:
    return await unit.fetch("SELECT * FROM consent WHERE person_id = ANY($1::uuid[]) ORDER BY at, id", person_ids)
