"""The agreements handoff applied; the newest is in force."""

from datetime import datetime

from services.intake import models
from shared.database import Transaction


async def adopt_agreement(unit: Transaction, *, hash: str, text: str, at: datetime) -> None:
    await unit.insert(
        models.AgreementVersion,
        [{"hash": hash, "text": text, "at": at}],
        "ON CONFLICT (hash) DO UPDATE SET at = greatest(agreement.at, excluded.at)",
    )


async def current_agreement(unit: Transaction) -> tuple[str, str] | None:
    row = await unit.row("SELECT hash, text FROM agreement ORDER BY at DESC LIMIT 1")
    return (row["hash"], row["text"]) if row else None
