"""Planning: what the rows say becomes what the plan, the calendar and the facts say. One household at a time, all at once.

Called by everything that changes a fact, and by the planner's own turn when zone data, quiet hours or a plan changed.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from importlib import metadata
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from services.followup import store
from services.followup.adapters.calendar_data import QuietHours
from services.followup.adapters.numbers import numbers_version
from services.followup.adapters.postal_codes import postal_codes_version
from services.followup.domain.forecast import Household, Planned, forecast, may_end, needless
from services.followup.domain.plans import After, Plan
from services.followup.use_cases.consent import SOURCE, Addresses
from services.followup.use_cases.households import Known, gather, households, key_of
from services.followup.use_cases.plan_book import PlanBook, Version
from services.followup.use_cases.reach import reach
from shared import events
from shared.agreement import Company, parse
from shared.database import Rows, Transaction
from shared.in_force import agreement_in_force
from shared.outbox import emit

HORIZON = timedelta(days=400)
TZDATA = metadata.version("tzdata")
parse_agreement = lru_cache(maxsize=4)(parse)


async def company_of(unit: Transaction) -> Company:
    """Who we are, as the agreement says; until it is known, its defaults."""
    found = await agreement_in_force(unit)
    return parse_agreement(found[1]).company if found else Company()


@dataclass(slots=True)
class Numbers:
    """What planning changed."""

    kept: int = 0
    moved: int = 0
    gained: int = 0
    lost: int = 0
    max_shift: timedelta = field(default_factory=timedelta)


@dataclass(slots=True)
class Changes:
    """Rows to write."""

    new: list[dict[str, Any]] = field(default_factory=list)
    moved: list[dict[str, Any]] = field(default_factory=list)
    again: list[dict[str, Any]] = field(default_factory=list)  # were skipped, and nothing speaks against them any more
    skipped: dict[UUID, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Look:
    """What was read of some households: enough to forecast without asking again."""

    company: Company
    known: Known
    households: list[tuple[list[Any], Household]]


@dataclass(frozen=True, slots=True)
class Planner:
    book: PlanBook
    addresses: Addresses
    quiet: QuietHours

    def basis(self, company: Company) -> str:
        """Everything a calendar is worked out from besides the client: another basis, another calendar."""
        data = f"tzdata={TZDATA} quiet={self.quiet.name} numbers={numbers_version()} postal={postal_codes_version()}"
        return f"{data} zone={company.zone} country={company.country}"

    async def plan(self, unit: Transaction, client_ids: Collection[UUID], now: datetime) -> Numbers:
        """Plan these clients' households again, up to the horizon."""
        if not client_ids:
            return Numbers()
        look = await self.look(unit, await store.planning.lock_households(unit, client_ids), now)
        last, numbers, changes, finished = (now + HORIZON).date(), Numbers(), Changes(), list[UUID]()
        open_ids = look.known.open_touches(now)
        for enrolments, household in look.households:
            found = forecast(household, now, last)
            rows = {row["id"]: row for row in enrolments}
            members = {row["client_id"] for row in enrolments}
            stored = [touch for one in members for touch in look.known.touches.get(one, []) if touch["enrolment_id"] in rows]
            movable = {key_of(touch): touch for touch in stored if touch["id"] in open_ids}
            compare(found, movable, rows, now, changes, numbers)
            finished += _finished(household.enrolled, found, stored, now)
        changes.skipped |= await self._needless(unit, look, now)
        await self._save(unit, changes, now)
        await store.planning.mark_planned(unit, [row["id"] for row in look.known.enrolments], self.basis(look.company), last)
        await store.planning.complete(unit, finished, now)
        return numbers

    async def _needless(self, unit: Transaction, look: Look, now: datetime) -> dict[UUID, str]:
        """What a newer version left where it was: nothing moves it, but it still ends when what it asks for has happened."""
        enrolled = {one.id: one for _, household in look.households for one in household.enrolled}
        left = [
            (touch, one)
            for known in look.known.touches.values()
            for touch in known
            if touch["state"] == "planned" and touch["attempt"] == 0 and touch["due_at"] > now
            if (one := enrolled.get(str(touch["enrolment_id"]))) and one.plan.version != touch["plan_version"]
        ]
        plans = await self.book.versions(unit, {(touch["plan"], touch["plan_version"]) for touch, _ in left}) if left else {}
        found: dict[UUID, str] = {}
        for touch, one in left:
            plan = plans.get((touch["plan"], touch["plan_version"]))
            if plan and (step := plan.step(touch["step"])):
                reason = needless(step, touch["cycle"], one.anchors, (now + HORIZON).date())
                found |= {touch["id"]: reason} if reason else {}
        return found

    async def look(
        self,
        unit: Transaction,
        clients: Rows,
        now: datetime,
        *,
        instead: Mapping[Version, Plan] | None = None,
        keep_until: datetime | None = None,
    ) -> Look:
        """Read all that matters to these clients. `instead`: as if a version were another one."""
        company = await company_of(unit)
        known = await gather(unit, clients, await reach(unit, self.addresses, clients, now))
        plans = {**await self.plans_of(unit, known.enrolments, now), **(instead or {})}
        found = await households(unit, known, plans, company, self.quiet.rules, now, keep_until)
        return Look(company, known, found)

    async def plans_of(self, unit: Transaction, enrolments: Iterable[Any], now: datetime) -> dict[tuple[str, int], Plan]:
        """The versions they run on; the shipped one is there from the first time anybody asks."""
        await self.book.published(unit, now)
        return await self.book.versions(unit, {(row["plan"], row["plan_version"]) for row in enrolments})

    async def _save(self, unit: Transaction, changes: Changes, now: datetime) -> None:
        await store.planning.insert_touches(unit, changes.new)
        await store.planning.move_touches(unit, changes.moved, now)
        await store.planning.move_touches(unit, changes.again, now, were="skipped")
        ended = [row for row in changes.new if row["state"] == "skipped"]
        ended += [dict(row) for row in await store.planning.skip_touches(unit, changes.skipped, now)]
        await announce_skipped(unit, ended, now)


def compare(
    found: Collection[Planned],
    stored: dict[tuple[str, str, int], Any],
    enrolments: dict[UUID, Any],
    now: datetime,
    changes: Changes,
    numbers: Numbers,
) -> None:
    """What must change for the movable rows to say what was found."""
    ids = {one.id: stored[one.key]["id"] if one.key in stored else uuid7() for one in found}
    for planned in found:
        old = stored.get(planned.key)
        winner = ids.get(planned.winner, planned.winner) if planned.winner else None
        reason = f"{planned.reason}: {winner} goes first" if winner else planned.reason
        row = _row(planned, ids[planned.id], enrolments[UUID(planned.key[0])], reason, now)
        if old is None:
            changes.new.append(row)
            numbers.gained += reason is None
        elif reason is not None:
            if old["state"] == "planned" or not may_end(reason):  # what stays skipped is not told again
                changes.skipped[old["id"]] = reason
            numbers.lost += old["state"] == "planned"
        elif old["state"] == "skipped":
            changes.again.append({**row, "state": "planned"})
            numbers.gained += 1
        elif any(row[name] != old[name] for name in store.planning.MOVABLE):
            changes.moved.append({**row, "state": "planned"})
            _count_move(numbers, row["due_at"] - old["due_at"])
        else:
            numbers.kept += 1
    expected = {planned.key for planned in found}
    for key, old in stored.items():
        if key not in expected and old["state"] == "planned":
            changes.skipped[old["id"]] = "expired" if old["expires_at"] <= now else "no longer planned"
            numbers.lost += 1


def _count_move(numbers: Numbers, shift: timedelta) -> None:
    numbers.moved += bool(shift)
    numbers.kept += not shift
    numbers.max_shift = max(numbers.max_shift, abs(shift))


def _row(planned: Planned, id: UUID, enrolment: Any, reason: str | None, now: datetime) -> dict[str, Any]:
    slot, step = planned.slot, planned.step
    return {
        "id": id,
        "enrolment_id": enrolment["id"],
        "client_id": enrolment["client_id"],
        "lead_id": enrolment["lead_id"],
        "plan": enrolment["plan"],
        "plan_version": enrolment["plan_version"],
        "step": step.key,
        "cycle": planned.key[2],
        "channel": planned.channel,
        "purpose": step.purpose,
        "priority": step.rank,
        "local_date": slot.day,
        "local_time": slot.at,
        "zone": planned.enrolled.place.zone.key,
        "tzdata": TZDATA,
        "due_at": slot.due_at,
        "expires_at": slot.expires_at,
        "notes": list(slot.notes),
        "state": "planned" if reason is None else "skipped",
        "reason": reason,
        "settled_at": None if reason is None else now,
    }


def _finished(enrolled: Iterable[Any], found: Iterable[Planned], stored: Iterable[Any], now: datetime) -> list[UUID]:
    """Enrolments whose plan has an end and has reached it."""
    waiting = {one.key[0] for one in found if one.reason is None or (may_end(one.reason) and one.slot.due_at > now)}
    waiting |= {str(touch["enrolment_id"]) for touch in stored if touch["state"] in ("planned", "paused", "sending")}
    return [
        UUID(one.id)
        for one in enrolled
        if one.id not in waiting and all(isinstance(step.timing, After) and not step.timing.fact for step in one.plan.steps)
    ]


async def announce_skipped(unit: Transaction, rows: Iterable[Any], now: datetime) -> None:
    """Tell everybody what will not be sent, and why."""
    names = ("client_id", "lead_id", "plan", "step", "channel")
    told: dict[str, list[events.Event]] = defaultdict(list)
    for row in rows:
        common = {name: row[name] for name in names}
        told[str(row["client_id"])].append(events.TouchSkipped(touch_id=row["id"], at=now, reason=row["reason"][:200], **common))
    for key, skipped in told.items():
        await emit(unit, skipped, topic=events.FOLLOWUP, source=SOURCE, at=now, key=key)
