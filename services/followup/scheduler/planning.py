"""Calendars that must be planned again: zone data, quiet hours, the company's zone or a plan changed, or time went on."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from uuid_utils.compat import uuid7

from services.followup import store
from services.followup.use_cases.pauses import Pauses
from services.followup.use_cases.planning import HORIZON, Numbers, Planner, company_of
from shared import telemetry
from shared.database import Database, Transaction, is_transient

BATCH = 100
SLACK = timedelta(days=7)  # a calendar is drawn out once a week


@dataclass(frozen=True, slots=True)
class PlanningTurn:
    database: Database
    planner: Planner
    pauses: Pauses

    async def run(self) -> None:
        while True:
            worked = 0
            try:
                worked = await self.turn(datetime.now(UTC))
            except Exception as error:
                if not is_transient(error):
                    raise
                telemetry.log().warning("planning waits for the database", error=repr(error)[:200])
            if not worked:
                await asyncio.sleep(5)

    async def turn(self, now: datetime) -> int:
        """One batch of each kind of work. Returns how many clients it was about; it is done again after a crash."""
        async with self.database.transaction() as unit:
            ended = await store.enrolments.take_ended_holds(unit, now, BATCH)
            if ended:
                await self.pauses.go_on(unit, {row["client_id"] for row in ended}, now)
        async with self.database.transaction() as unit:
            stale = await self._plan_stale(unit, now)
        async with self.database.transaction() as unit:
            short = await store.planning.short_clients(unit, (now + HORIZON - SLACK).date(), BATCH)
            if short:
                await self.planner.plan(unit, {row["client_id"] for row in short}, now)
        return len(ended) + stale + len(short)

    async def _plan_stale(self, unit: Transaction, now: datetime) -> int:
        basis = self.planner.basis(await company_of(unit))
        rows = await store.planning.stale_clients(unit, basis, BATCH)
        if rows:
            numbers = await self.planner.plan(unit, {row["client_id"] for row in rows}, now)
            cause = ", ".join(sorted({what_changed(row["basis"], basis) for row in rows}))
            await store.planning.journal(unit, journal_row(cause, len(rows), numbers, now))
        return len(rows)


def what_changed(before: str, after: str) -> str:
    """Which part of the basis is another one."""
    if before.startswith("cause="):
        return before.removeprefix("cause=")
    changed = [f"{old} -> {new}" for old, new in zip(before.split(), after.split(), strict=False) if old != new]
    return " ".join(changed) or "new"


def journal_row(cause: str, enrolments: int, numbers: Numbers, now: datetime) -> dict[str, object]:
    return {
        "id": uuid7(),
        "at": now,
        "cause": cause,
        "enrolments": enrolments,
        "kept": numbers.kept,
        "moved": numbers.moved,
        "gained": numbers.gained,
        "lost": numbers.lost,
        "max_shift_seconds": int(numbers.max_shift.total_seconds()),
    }
