"""Consent: evidence that is only ever added to."""

from collections.abc import Sequence
from uuid import UUID

from services.intake.domain.consent import TOLD, Answer, told_of
from services.intake.store.persons import MEMBERS
from shared.database import Rows, Transaction


async def answers_of(unit: Transaction, person_ids: Sequence[UUID]) -> dict[UUID, list[Answer]]:
    """The latest answer of these persons (and those merged into them) to each question, oldest first: all the fold needs."""
    rows = await unit.fetch(
        MEMBERS + ", latest AS (SELECT DISTINCT ON (m.root, c.channel, c.purpose) m.root, c.* FROM member m "  # noqa: S608
        "JOIN consent c ON c.person_id = m.id ORDER BY m.root, c.channel, c.purpose, c.at DESC, c.id DESC) "
        f"SELECT root, channel, purpose, granted, text, {', '.join(TOLD)} FROM latest ORDER BY at, id",
        person_ids,
    )
    found: dict[UUID, list[Answer]] = {}
    for row in rows:
        answer = Answer(row["channel"], row["purpose"], row["granted"], row["text"], told_of(dict(row)))
        found.setdefault(row["root"], []).append(answer)
    return found


async def rows_of(unit: Transaction, person_ids: Sequence[UUID]) -> Rows:
    return await unit.fetch("SELECT * FROM consent WHERE person_id = ANY($1::uuid[]) ORDER BY at, id", person_ids)


async def refused_together(unit: Transaction, person_id: UUID, into: UUID) -> Rows:
    """What was refused since the one was merged into the other: it was written down for whoever they ended in."""
    return await unit.fetch(
        "WITH RECURSIVE up AS (SELECT id, merged_into FROM person WHERE id = $2 "
        "UNION SELECT p.id, p.merged_into FROM up JOIN person p ON p.id = up.merged_into) "
        "SELECT c.* FROM consent c JOIN up ON up.id = c.person_id WHERE NOT c.granted "
        "AND c.id > (SELECT id FROM person_merge WHERE person_id = $1 AND into_id = $2 ORDER BY id DESC LIMIT 1) ORDER BY c.id",
        person_id,
        into,
    )
