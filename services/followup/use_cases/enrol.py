"""Enrolment: an event puts a client into every published plan that waits for it, and a key makes a second time impossible."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from services.followup import store
from services.followup.domain.enrolling import Earlier, Entry, entry
from services.followup.domain.plans import Plan
from services.followup.use_cases.pauses import Pauses
from services.followup.use_cases.planning import announce_skipped
from shared.database import Transaction

# What a new enrolment waits for. Not for another job that is open: who is done with one is thanked at once.
WAITS_FOR = ("complaint.open", "conversation.open")


@dataclass(frozen=True, slots=True)
class Arrival:
    """What an event says of one client: enough to enrol them."""

    client_id: UUID
    lead_id: UUID
    event: str
    subject: str
    day: date
    arrived_at: datetime
    facts: dict[str, str]

    @property
    def anchors(self) -> dict[str, str]:
        name = {"job.completed": "job.completed_on", "lead.qualified": "lead.qualified_on"}[self.event]
        times = {"day": self.day.isoformat(), name: self.day.isoformat(), "arrived_at": self.arrived_at.isoformat()}
        return {**times, **self.facts}


@dataclass(frozen=True, slots=True)
class Enroller:
    pauses: Pauses

    async def enrol(self, unit: Transaction, arrivals: list[Arrival], now: datetime) -> None:
        """Enrol, end what the new enrolment supersedes, and plan the households."""
        ids = {one.client_id for one in arrivals}
        clients = {row["id"]: row for row in await store.planning.lock_households(unit, ids)}
        plans = await self.pauses.planner.book.published(unit, now)
        earlier: dict[tuple[UUID, str, str], list[Any]] = defaultdict(list)
        for row in await store.enrolments.earlier(unit, ids):
            earlier[row["client_id"], row["plan"], row["subject"]].append(row)
        rows, superseded = list[dict[str, Any]](), list[UUID]()
        for arrival, plan in _wanted(arrivals, plans, clients):
            subject = arrival.subject if plan.enrol.subject == "job" else "client"
            before = earlier[arrival.client_id, plan.key, subject]
            answer = entry(plan.enrol.reentry, [_earlier(row) for row in before], now.date())
            if isinstance(answer, Entry):
                rows.append(_row(arrival, plan, subject, answer.cycle, now))
                before.append(rows[-1])
                superseded += map(UUID, answer.supersedes)
        await store.enrolments.create(unit, rows)
        await announce_skipped(unit, await store.enrolments.stop(unit, superseded, "superseded", now), now)
        await self.pauses.wait(unit, ids, WAITS_FOR)
        await self.pauses.planner.plan(unit, ids, now)


def _wanted(arrivals: Iterable[Arrival], plans: list[Plan], clients: dict[UUID, Any]) -> Iterable[tuple[Arrival, Plan]]:
    for arrival in arrivals:
        client = clients[arrival.client_id]
        gone = {
            "client.erased": client["erased"],
            "client.moved": client["moved_at"],
            "client.asked_to_stop": client["stopped_at"],
        }
        for plan in plans:
            if plan.enrol.fits(arrival.event, arrival.facts) and not any(gone[why] for why in plan.stop_when):
                yield arrival, plan


def _earlier(row: Any) -> Earlier:
    return Earlier(str(row["id"]), row["cycle"], row["state"], row["enrolled_at"].date())


def _row(arrival: Arrival, plan: Plan, subject: str, cycle: int, now: datetime) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "client_id": arrival.client_id,
        "lead_id": arrival.lead_id,
        "plan": plan.key,
        "plan_version": plan.version,
        "subject": subject,
        "cycle": cycle,
        "anchors": arrival.anchors,
        "state": "active",
        "enrolled_at": now,
    }
