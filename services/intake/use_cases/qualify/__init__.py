"""The second step: who is it, is it a repeat, what is it worth; then publish. A batch is one transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.intake.store import submissions
from services.intake.use_cases.qualify.batch import gather, save
from services.intake.use_cases.qualify.decide import decide
from services.intake.use_cases.qualify.reconsider import reconsider
from services.intake.use_cases.terms import terms_in_force
from shared import events, telemetry
from shared.database import Transaction
from shared.in_force import agreement_in_force
from shared.outbox import emit

SOURCE = "/intake"


async def qualify_waiting(unit: Transaction, *, limit: int, now: datetime) -> int:
    """Take waiting submissions and decide them. Returns how many; 0 also while no agreement has arrived yet."""
    agreement = await agreement_in_force(unit)
    if agreement is None:
        return 0
    rows = await submissions.take_waiting(unit, limit, now)
    if rows:
        await qualify(unit, rows, agreement, now)
    return len(rows)


async def qualify(unit: Transaction, rows: Sequence[Any], agreement: tuple[str, str], now: datetime) -> None:
    """Decide these, as one."""
    telemetry.go_on_with({str(row["id"]): row["content"].get("trace") for row in rows})
    batch = await gather(unit, rows, terms_in_force(*agreement), now)
    for row in rows:
        decide(batch, row)
    await save(unit, batch)
    await reconsider(unit, batch)
    await emit(unit, batch.outgoing, topic=events.INTAKE, source=SOURCE, at=now)
