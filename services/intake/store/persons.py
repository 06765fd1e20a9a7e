"""Who has which key."""

from collections.abc import Iterable, Sequence

from services.intake.domain.identity import Key, Known
from shared.database import Transaction


async def lock_keys(unit: Transaction, keys: Iterable[Key]) -> None:
    """Replicas that meet the same new person take turns, in one order, and so end with one person."""
    await unit.execute(
        "SELECT pg_advisory_xact_lock(k) FROM (SELECT DISTINCT hashtextextended(t, 0) AS k "
        "FROM unnest($1::text[]) t ORDER BY 1) s",
        [f"{kind}:{value}" for kind, value in keys],
    )


async def gather_known(unit: Transaction, keys: Sequence[Key]) -> Known:
    known = Known()
    rows = await unit.fetch(
        "SELECT p.kind, p.value, p.person_id, p.last_name FROM person_key p "
        "JOIN unnest($1::text[], $2::text[]) AS k(kind, value) USING (kind, value)",
        [kind for kind, _ in keys],
        [value for _, value in keys],
    )
    for row in rows:
        known.add((row["kind"], row["value"]), row["person_id"], row["last_name"])
    return known
