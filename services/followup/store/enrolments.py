"""Who is in which plan."""

from typing import Any

from services.followup import models
from shared.database import Transaction


async def create(unit: Transaction, enrolment: dict[str, Any]) -> bool:
    return bool(await unit.insert(models.Enrolment, [enrolment], "ON CONFLICT DO NOTHING RETURNING id"))
