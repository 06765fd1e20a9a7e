"""The equation ops can run at any moment: received = waiting + open + closed + merged + quarantined + disqualified + erased."""

from datetime import datetime
from typing import Any

from services.intake.store import ledger
from shared.database import Transaction


async def read_ledger(unit: Transaction, since: datetime | None, until: datetime | None) -> dict[str, Any]:
    """Leads, and canary and `test` leads apart: totals, and by form and hour."""
    totals = await ledger.totals(unit, since, until)
    hours = await ledger.by_form_and_hour(unit, since, until)
    return {name: _balance(totals, hours, test=test) for name, test in (("leads", False), ("test", True))}


def _balance(totals: Any, hours: Any, *, test: bool) -> dict[str, Any]:
    states = dict.fromkeys(ledger.STATES, 0) | {row["state"]: row["n"] for row in totals if row["test"] == test}
    by = [{name: value for name, value in row.items() if name != "test"} for row in hours if row["test"] == test]
    return {"received": sum(states.values()), **states, "by_form_and_hour": by}
