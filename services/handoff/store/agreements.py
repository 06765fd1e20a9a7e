"""The versions of the agreement."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from shared.database import Transaction


async def newest(unit: Transaction) -> Any:
    """The one in force, with when it was applied and by whom."""
    return await unit.row("SELECT * FROM agreement ORDER BY at DESC LIMIT 1")


async def note_published(unit: Transaction, agreement_hash: str, now: datetime) -> None:
    await unit.execute("UPDATE agreement SET published_at = $2 WHERE hash = $1", agreement_hash, now)


async def lock_seeding(unit: Transaction) -> None:
    """Replicas that start together on an empty installation take turns."""
    await unit.execute("SELECT pg_advisory_xact_lock(hashtextextended('seed', 0))")


async def version(unit: Transaction, agreement_hash: str | None) -> Any:
    """The version of this hash, or the one in force."""
    if agreement_hash is None:
        return await newest(unit)
    return await unit.row("SELECT * FROM agreement WHERE hash = $1", agreement_hash)


async def texts(unit: Transaction, hashes: Iterable[str]) -> dict[str, str]:
    """The agreements of these hashes, as they were applied."""
    rows = await unit.fetch("SELECT hash, text FROM agreement WHERE hash = ANY($1::text[])", list(hashes))
    return {row["hash"]: row["text"] for row in rows}
