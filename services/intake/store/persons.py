"""Who has which key, who was merged into whom, and whom to look at."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from services.intake.domain.identity import Key, Known
from shared.database import Rows, Transaction

LOOK_AT = 64  # links of one key; more say nothing (identity.SHARED_BY_TOO_MANY), however many there are
HOLDERS = """
WITH RECURSIVE holder AS (
  SELECT k.kind, k.value, l.name, l.person_id, p.merged_into
  FROM unnest($1::text[], $2::text[]) AS k(kind, value)
  CROSS JOIN LATERAL (SELECT person_id, name FROM person_key p
    WHERE p.kind = k.kind AND p.value = k.value AND p.until IS NULL LIMIT $3) l
  JOIN person p ON p.id = l.person_id
  UNION ALL
  SELECT h.kind, h.value, h.name, p.id, p.merged_into FROM holder h JOIN person p ON p.id = h.merged_into)
SELECT kind, value, name, person_id FROM holder WHERE merged_into IS NULL"""
MEMBERS = """
WITH RECURSIVE member AS (
  SELECT id, id AS root FROM unnest($1::uuid[]) AS r(id)
  UNION SELECT p.id, m.root FROM member m JOIN person p ON p.merged_into = m.id)"""

# Who was found different, as the persons they ended in: whoever is merged into somebody brings their differences along.
APART = (
    MEMBERS  # noqa: S608
    + """ SELECT a.root AS one, b.root AS other FROM review_task t JOIN member a ON a.id = t.person_id
  JOIN member b ON b.id = t.other_id WHERE t.outcome = 'different' AND a.root <> b.root"""
)


async def lock_keys(unit: Transaction, keys: Iterable[Key]) -> None:
    """Replicas that meet the same new person take turns, in one order, and so end with one person."""
    await unit.execute(
        "SELECT pg_advisory_xact_lock(k) FROM (SELECT DISTINCT hashtextextended(t, 0) AS k "
        "FROM unnest($1::text[]) t ORDER BY 1) s",
        [f"{kind}:{value}" for kind, value in keys],
    )


async def gather_known(unit: Transaction, keys: Sequence[Key]) -> Known:
    """Who holds these keys now; of merged persons the one they ended in."""
    known = Known()
    rows = await unit.fetch(HOLDERS, [kind for kind, _ in keys], [value for _, value in keys], LOOK_AT)
    for row in rows:
        known.add((row["kind"], row["value"]), row["person_id"], row["name"])
    people = list({row["person_id"] for row in rows})
    if len(people) > 1:
        apart = await unit.fetch(APART, people)
        known.apart = {frozenset((row["one"], row["other"])) for row in apart}
    return known


async def names_of(unit: Transaction, person_ids: Sequence[UUID]) -> dict[UUID, set[str]]:
    """Every last name these persons, and those merged into them, are known under."""
    rows = await unit.fetch(
        MEMBERS + " SELECT m.root, array_agg(DISTINCT k.name) AS names FROM member m "  # noqa: S608
        "JOIN person_key k ON k.person_id = m.id WHERE k.until IS NULL GROUP BY m.root",
        person_ids,
    )
    return {row["root"]: set(row["names"]) for row in rows}


async def lock(unit: Transaction, person_ids: Sequence[UUID]) -> None:
    """In one order. New leads of these persons may still come; merges and erasures wait."""
    await unit.execute("SELECT 1 FROM person WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE", person_ids)


async def roots_of(unit: Transaction, person_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The person each of these ended in; nobody where there is no such person (any more)."""
    rows = await unit.fetch(
        "WITH RECURSIVE up AS (SELECT id AS given, id, merged_into FROM person WHERE id = ANY($1::uuid[]) "
        "UNION SELECT up.given, p.id, p.merged_into FROM up JOIN person p ON p.id = up.merged_into) "
        "SELECT given, id FROM up WHERE merged_into IS NULL",
        person_ids,
    )
    return {row["given"]: row["id"] for row in rows}


async def members(unit: Transaction, person_id: UUID) -> list[UUID]:
    """The person and everybody merged into them."""
    rows = await unit.fetch(MEMBERS + " SELECT id FROM member", [person_id])  # noqa: S608
    return [row["id"] for row in rows]


async def mark_merged(unit: Transaction, person_id: UUID, into: UUID) -> bool:
    """False if somebody else merged them meanwhile."""
    done = await unit.value(
        "UPDATE person SET merged_into = $2 WHERE id = $1 AND merged_into IS NULL RETURNING id", person_id, into
    )
    return done is not None


async def undo_merge(unit: Transaction, person_id: UUID, now: datetime) -> UUID | None:
    """End the merge of this person; returns whom they were merged into."""
    into = await unit.value("SELECT merged_into FROM person WHERE id = $1 FOR NO KEY UPDATE", person_id)
    if into is not None:
        await unit.execute("UPDATE person SET merged_into = NULL WHERE id = $1", person_id)
        await unit.execute("UPDATE person_merge SET undone_at = $2 WHERE person_id = $1 AND undone_at IS NULL", person_id, now)
    return into  # type: ignore[no-any-return]


async def give_back_keys(unit: Transaction, person_id: UUID, into: UUID, now: datetime) -> None:
    """What this person was known by and came again while they were merged, perhaps under another name, is theirs alone."""
    await unit.execute(
        MEMBERS + ", up AS (SELECT id, merged_into FROM person WHERE id = $2 "  # noqa: S608
        "UNION SELECT p.id, p.merged_into FROM up JOIN person p ON p.id = up.merged_into) "
        "UPDATE person_key k SET until = $3 FROM up WHERE k.person_id = up.id AND k.until IS NULL AND k.since >= "
        "(SELECT at FROM person_merge WHERE person_id = $1[1] AND into_id = $2 ORDER BY id DESC LIMIT 1) AND EXISTS "
        "(SELECT 1 FROM person_key o JOIN member m ON m.id = o.person_id WHERE o.kind = k.kind AND o.value = k.value)",
        [person_id],
        into,
        now,
    )


async def keys_of_person(unit: Transaction, person_ids: Sequence[UUID]) -> Rows:
    return await unit.fetch(
        "SELECT kind, value, person_id, name, since, until, why, lead_id FROM person_key "
        "WHERE person_id = ANY($1::uuid[]) ORDER BY since, kind",
        person_ids,
    )


async def merges_of(unit: Transaction, person_ids: Sequence[UUID]) -> Rows:
    return await unit.fetch(
        "SELECT person_id, into_id, why, lead_id, at, undone_at FROM person_merge "
        "WHERE person_id = ANY($1::uuid[]) OR into_id = ANY($1::uuid[]) ORDER BY at",
        person_ids,
    )


async def end_key(unit: Transaction, person_ids: Sequence[UUID], value: str, now: datetime) -> int:
    """The key is no longer this person's: another has the number now."""
    done = await unit.execute(
        "UPDATE person_key SET until = $3 WHERE person_id = ANY($1::uuid[]) AND value = $2 AND until IS NULL",
        person_ids,
        value,
        now,
    )
    return int(done.split()[-1])


async def open_reviews(unit: Transaction, limit: int) -> Rows:
    return await unit.fetch(
        "SELECT id, person_id, other_id, reason, created_at FROM review_task WHERE settled_at IS NULL "
        "ORDER BY created_at LIMIT $1",
        limit,
    )


async def settle_review(unit: Transaction, task_id: UUID, outcome: str, now: datetime) -> tuple[UUID, UUID] | None:
    row = await unit.row(
        "UPDATE review_task SET settled_at = $3, outcome = $2 WHERE id = $1 AND settled_at IS NULL RETURNING person_id, other_id",
        task_id,
        outcome,
        now,
    )
    return (row["person_id"], row["other_id"]) if row else None
