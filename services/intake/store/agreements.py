"""The agreements handoff applied (the newest is in force), and scoring open leads again by a new one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.intake import models
from shared.database import Rows, Transaction

OPEN_FOR_RESCORE = "stage NOT IN ('won', 'lost', 'disqualified', 'merged') AND NOT test"


async def adopt_agreement(unit: Transaction, *, hash: str, text: str, at: datetime) -> None:
    unit.agreement = None
    await unit.insert(
        models.AgreementVersion,
        [{"hash": hash, "text": text, "at": at}],
        "ON CONFLICT (hash) DO UPDATE SET at = greatest(agreement.at, excluded.at)",
    )


async def agreement_of(unit: Transaction, hash: str) -> tuple[str, str] | None:
    row = await unit.row("SELECT hash, text FROM agreement WHERE hash = $1", hash)
    return (row["hash"], row["text"]) if row else None


async def begin_rescore(unit: Transaction, hash: str, now: datetime) -> None:
    """If this agreement is the one in force: a new start, and the end of any earlier one that is still on its way."""
    current = await unit.value("SELECT hash FROM agreement ORDER BY at DESC LIMIT 1")
    if current != hash:
        return
    await unit.execute("UPDATE rescore SET finished_at = $2 WHERE finished_at IS NULL AND agreement <> $1::text", hash, now)
    await unit.execute(
        "INSERT INTO rescore (agreement, total, done, qualified, disqualified, failed, started_at) "  # noqa: S608  a literal of our own
        f"SELECT $1::text, count(*), 0, 0, 0, 0, $2 FROM lead WHERE {OPEN_FOR_RESCORE} AND agreement <> $1::text "
        "HAVING count(*) > 0 "
        "ON CONFLICT (agreement) DO UPDATE SET total = excluded.total, done = 0, qualified = 0, disqualified = 0, "
        "failed = 0, reached = NULL, started_at = excluded.started_at, finished_at = NULL",
        hash,
        now,
    )


async def take_rescore(unit: Transaction) -> Any:
    """The rescore that is on its way, unless another replica works on it."""
    return await unit.row(
        "SELECT r.agreement, r.reached, a.text, a.at FROM rescore r JOIN agreement a ON a.hash = r.agreement "
        "WHERE r.finished_at IS NULL ORDER BY r.started_at LIMIT 1 FOR UPDATE OF r SKIP LOCKED"
    )


async def next_to_rescore(unit: Transaction, after: UUID | None, hash: str, limit: int) -> list[UUID]:
    rows = await unit.fetch(
        f"SELECT id FROM lead WHERE {OPEN_FOR_RESCORE} AND ($1::uuid IS NULL OR id > $1) AND agreement <> $2::text "  # noqa: S608
        "ORDER BY id LIMIT $3",
        after,
        hash,
        limit,
    )
    return [row["id"] for row in rows]


async def note_progress(
    unit: Transaction,
    hash: str,
    *,
    reached: UUID | None,
    done: int,
    qualified: int,
    disqualified: int,
    finished_at: datetime | None,
) -> None:
    """What was scored by other means meanwhile, or ended, is not there to be done any more."""
    await unit.execute(
        "UPDATE rescore SET reached = coalesce($2, reached), done = done + $3, qualified = qualified + $4, "
        "disqualified = disqualified + $5, finished_at = $6, "
        "total = CASE WHEN $6::timestamptz IS NULL THEN total ELSE done + $3 END WHERE agreement = $1",
        hash,
        reached,
        done,
        qualified,
        disqualified,
        finished_at,
    )


async def skip_next(unit: Transaction) -> UUID | None:
    """Step over the lead that cannot be scored; it keeps the score it has."""
    skipped = await unit.value(
        "UPDATE rescore SET failed = failed + 1, done = done + 1, reached = (SELECT id FROM lead WHERE "  # noqa: S608
        f"{OPEN_FOR_RESCORE} AND (rescore.reached IS NULL OR id > rescore.reached) AND lead.agreement <> rescore.agreement "
        "ORDER BY id LIMIT 1) WHERE finished_at IS NULL RETURNING reached"
    )
    return skipped  # type: ignore[no-any-return]


async def rescores(unit: Transaction) -> Rows:
    return await unit.fetch("SELECT * FROM rescore ORDER BY started_at DESC LIMIT 20")


async def replace_lines(unit: Transaction, lead_ids: Sequence[UUID], rows: Sequence[dict[str, Any]]) -> None:
    """The lines of these leads as the agreement now counts them."""
    await unit.execute("DELETE FROM score_entry WHERE lead_id = ANY($1::uuid[])", lead_ids)
    await unit.insert(models.ScoreEntry, rows)
