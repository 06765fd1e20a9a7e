"""The agreement as handoff published it."""

from datetime import datetime

from services.followup import models
from shared.database import Transaction


async def adopt(unit: Transaction, *, hash: str, text: str, at: datetime) -> None:
    unit.agreement = None
    await unit.insert(
        models.AgreementVersion,
        [{"hash": hash, "text": text, "at": at}],
        "ON CONFLICT (hash) DO UPDATE SET at = greatest(agreement.at, excluded.at)",
    )
