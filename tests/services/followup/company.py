"""A followup service without its doors: what tests of plans and calendars call."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

from services.followup.adapters.calendar_data import quiet_hours
from services.followup.adapters.plan_files import PlanText, read_plan
from services.followup.adapters.rendering import shipped_templates
from services.followup.scheduler.planning import PlanningTurn
from services.followup.settings import PLAN
from services.followup.use_cases import plan_book
from services.followup.use_cases.clients import Clients, adopt_agreement
from services.followup.use_cases.consent import Addresses
from services.followup.use_cases.enrol import Enroller
from services.followup.use_cases.merge import Merges
from services.followup.use_cases.pauses import Pauses
from services.followup.use_cases.planning import Planner
from shared import events
from shared.database import Database
from shared.envelope import Received

NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)
AGREEMENT = """
[company]
name = "Maple Plumbing"
zone = "{zone}"
postal_address = "12 Elm St, Toledo OH 43604"
[selections.estimate]
intent = 45
[tiers.P1]
accept_within_minutes = 2
touch_within_minutes = 5
[tiers.P2]
accept_within_minutes = 5
touch_within_minutes = 15
[tiers.P3]
accept_within_minutes = 30
touch_within_minutes = 60
[pools.team]
everyone = true
[[rules]]
name = "everybody"
pool = "team"
"""


@dataclass
class Company:
    """One installation: its use cases on a real database."""

    database: Database
    planner: Planner = field(init=False)

    def __post_init__(self) -> None:
        addresses = Addresses(b"test")
        self.planner = Planner(plan_book.PlanBook(PLAN), addresses, quiet_hours())
        self.pauses = Pauses(self.planner)
        self.clients = Clients(Enroller(self.pauses), self.pauses, addresses)
        self.merges = Merges(self.pauses, addresses)

    async def hear(self, handler: Any, *found: events.Event, now: datetime = NOW) -> None:
        async with self.database.transaction() as unit:
            await handler(unit, [Received("test", "", str(uuid4()), "/test", event, now, None) for event in found], now)

    async def agree(self, zone: str = "America/New_York", now: datetime = NOW, *, company: str = "") -> None:
        text = AGREEMENT.format(zone=zone).replace("[company]", f"[company]\n{company}")
        applied = events.AgreementApplied(hash=f"{zone}{company}", text=text, at=now, signed_by=[])
        await self.hear(adopt_agreement, applied, now=now)

    async def publish(self, text: str, now: datetime = NOW) -> None:
        found = PlanText(read_plan(text), text, shipped_templates())
        async with self.database.transaction() as unit:
            assert await plan_book.publish(unit, found, now)

    async def win(
        self, *, now: datetime = NOW, referred_by: UUID | None = None, person_id: UUID | None = None, **contact: Any
    ) -> Any:
        """A won lead; returns its event."""
        name = {"first_name": "Ada", "last_name": f"Case{uuid4().hex[:6]}", "email": f"{uuid4().hex}@maple.example", **contact}
        won = events.LeadWon(
            lead_id=uuid4(),
            person_id=person_id or uuid4(),
            amount="100.00",
            currency="USD",
            at=now,
            contact=events.Contact(**name),
            referred_by=referred_by,
        )
        await self.hear(self.clients.create_client, won, now=now)
        return won

    async def complete(self, won: Any, *, on: date | None = None, now: datetime = NOW, **more: Any) -> None:
        done = events.JobCompleted(lead_id=won.lead_id, completed_on=on or now.date(), **{"job_id": "job-1", **more})
        await self.hear(self.clients.complete_job, done, now=now)

    async def client(self, *, now: datetime = NOW, **contact: Any) -> UUID:
        """Somebody whose job is done."""
        won = await self.win(now=now, **contact)
        await self.complete(won, now=now)
        return UUID(str(won.person_id))

    async def plan(self, client_id: UUID, now: datetime) -> None:
        async with self.database.transaction() as unit:
            await self.planner.plan(unit, [client_id], now)

    async def planner_turn(self, now: datetime) -> None:
        """What the scheduler does every few seconds."""
        await PlanningTurn(self.database, self.planner, self.pauses).turn(now)

    async def touches(self, client_id: UUID) -> dict[str, Any]:
        """By step (and cycle, where it is not the first)."""
        async with self.database.reading() as unit:
            rows = await unit.fetch("SELECT * FROM touch WHERE client_id = $1 ORDER BY due_at, id", client_id)
        return {row["step"] if row["cycle"] < 2 else f"{row['step']} {row['cycle']}": row for row in rows}
