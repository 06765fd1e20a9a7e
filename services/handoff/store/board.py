"""Lines of the scoreboard, made of facts. The same statement makes a few lines again and all of them."""

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from services.handoff import models
from shared.database import Rows, Transaction

LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended('board', 0))"
COLUMNS = [name for name in models.BoardLead.model_fields if name != "lead_id"]
LEADS = (
    (Path(__file__).parent / "board_leads.sql")
    .read_text()
    .format(columns=", ".join(COLUMNS), excluded=", ".join(f"excluded.{name}" for name in COLUMNS))
)
ASSIGNMENTS = (Path(__file__).parent / "board_assignments.sql").read_text()


async def only_one(unit: Transaction) -> bool:
    """Whether this transaction alone makes lines: two at once could leave the older state of a line."""
    return bool(await unit.value(LOCK))


async def take_due(unit: Transaction, limit: int) -> list[UUID]:
    """Leads with new facts; all their marks go with them."""
    chosen = "SELECT DISTINCT lead_id FROM (SELECT lead_id FROM board_due ORDER BY id LIMIT $1) AS first"
    return [
        row["lead_id"]
        for row in await unit.fetch(
            f"WITH gone AS (DELETE FROM board_due WHERE lead_id IN ({chosen}) RETURNING lead_id) "  # noqa: S608
            "SELECT DISTINCT lead_id FROM gone",
            limit,
        )
    ]


async def make_lines(unit: Transaction, lead_ids: Sequence[UUID]) -> None:
    await unit.execute(LEADS, lead_ids)
    await unit.execute(ASSIGNMENTS, lead_ids)


async def answered(unit: Transaction, lead_ids: Sequence[UUID]) -> Rows:
    """When leads came and were answered, to be counted in business time."""
    return await unit.fetch(
        "SELECT lead_id, pool, coalesce(received_at, raised_at) AS came_at, sal_at, contacted_at FROM board_lead "
        "WHERE lead_id = ANY($1::uuid[]) AND (sal_at IS NOT NULL OR contacted_at IS NOT NULL) "
        "AND coalesce(received_at, raised_at) IS NOT NULL",
        lead_ids,
    )


async def set_seconds(unit: Transaction, rows: Sequence[tuple[UUID, int | None, int | None]]) -> None:
    if not rows:
        return
    await unit.execute(
        "UPDATE board_lead b SET sal_seconds = n.sal, contacted_seconds = n.contacted "
        "FROM unnest($1::uuid[], $2::int[], $3::int[]) AS n(id, sal, contacted) WHERE b.lead_id = n.id",
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
    )


async def counted_under(unit: Transaction) -> str | None:
    """The hash of the agreement whose hours the lines were counted in."""
    found = await unit.value("SELECT agreement FROM board_state")
    return None if found is None else str(found)


async def count_under(unit: Transaction, agreement_hash: str) -> None:
    """From now on another agreement's hours count: every line is due again."""
    query = "INSERT INTO board_state (id, agreement) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET agreement = excluded.agreement"
    await unit.execute(query, agreement_hash)
    await unit.execute("INSERT INTO board_due (lead_id) SELECT lead_id FROM board_lead")


async def is_due(unit: Transaction, last: int) -> bool:
    """Whether any of the marks up to this one is left."""
    return bool(await unit.value("SELECT EXISTS (SELECT 1 FROM board_due WHERE id <= $1)", last))


async def clear(unit: Transaction) -> tuple[int, int]:
    """Forget every line and mark every lead that has facts as due. Returns how many, and the last mark."""
    await unit.execute("DELETE FROM board_lead")
    await unit.execute("DELETE FROM board_assignment")
    await unit.execute("DELETE FROM board_due")
    marked = await unit.row(
        "WITH due AS (INSERT INTO board_due (lead_id) SELECT DISTINCT lead_id FROM fact WHERE lead_id IS NOT NULL RETURNING id) "
        "SELECT count(*) AS n, coalesce(max(id), 0) AS last FROM due"
    )
    return marked["n"], marked["last"]
