"""Whatever happens in whatever order, on a real database: one rep a lead, credits that add up, facts for every event."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any, ClassVar
from uuid import UUID, uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from uuid_utils.compat import uuid7

from services.handoff import store
from services.handoff.domain.lifecycle import Illegal
from services.handoff.use_cases import manual, people
from services.handoff.use_cases.commands import command_assignment
from services.handoff.use_cases.verify import verify_decisions
from shared import events
from shared.database import Database
from tests.services.handoff.support import Handoff
from tests.support import in_thread

COMMANDS: dict[str, dict[str, Any]] = {
    "accepted": {},
    "declined": {"reason": "too far"},
    "contacted": {},
    "sales_qualified": {},
    "proposed": {},
    "won": {"amount": "10", "currency": "USD"},
    "lost": {"reason": "wrong number"},
    "recycled": {"reason": "later"},
}
TERMINAL = ("won", "lost", "recycled", "merged", "erased")
REPORTS = (
    lambda lead: events.OutcomeContacted(lead_id=lead),
    lambda lead: events.OutcomeWon.model_validate({"lead_id": lead, "amount": "10", "currency": "USD"}),
    lambda lead: events.OutcomeLost(lead_id=lead, reason="duplicate"),
    lambda lead: events.JobCompleted(lead_id=lead, job_id="j", completed_on=date(2026, 3, 4)),
)


class Machine(RuleBasedStateMachine):
    """Every step is one transaction, as at the doors. Erased and terminal leads stay what they are."""

    url: ClassVar[str] = ""
    leads = Bundle("leads")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.ended: dict[UUID, str] = {}
        self.reps: list[UUID] = []

    def do(self, work: Callable[[], Awaitable[Any]]) -> Any:
        async def run() -> Any:
            return await work()

        return self.runner.run(run())

    @initialize()
    def begin(self) -> None:
        async def start() -> None:
            database = Database(self.url, name="machine", size=2)
            await database.open()
            self.handoff = Handoff(database)
            async with database.transaction() as unit:
                await unit.execute("UPDATE rep SET state = 'left', email = id::text WHERE state <> 'left'")
            self.reps = await self.handoff.start("Rosa", "Sam", "Tina")

        self.do(start)

    def teardown(self) -> None:
        if self.reps:
            self.do(self.handoff.database.close)
        self.runner.close()

    @rule(target=leads, tier=st.sampled_from(["P1", "P2", "P3"]))
    def submit(self, tier: str) -> Any:
        return self.do(lambda: self.handoff.qualify(tier=tier))

    @rule(target=leads)
    def hear_before_it_comes(self) -> Any:
        lead = uuid7()
        self.do(lambda: self.handoff.refusal(events.OutcomeContacted(lead_id=lead)))
        return lead

    @rule(lead=leads)
    def submit_again(self, lead: UUID) -> None:
        self.do(lambda: self.handoff.qualify(lead))

    @rule(lead=leads, name=st.sampled_from(sorted(COMMANDS)))
    def command(self, lead: UUID, name: str) -> None:
        async def work() -> None:
            async with self.handoff.database.transaction() as unit:
                rows = await store.assignments.assignments_of(unit, lead)
                if rows:
                    await command_assignment(unit, rows[0]["id"], name, COMMANDS[name], self.handoff.now)

        self._legal(work)

    @rule(lead=leads, kind=st.sampled_from(range(len(REPORTS))))
    def report(self, lead: UUID, kind: int) -> None:
        self.do(lambda: self.handoff.refusal(REPORTS[kind](lead)))

    @rule(lead=leads, rep=st.integers(0, 2), how=st.sampled_from(["reassign", "claim", "withdraw"]))
    def by_hand(self, lead: UUID, rep: int, how: str) -> None:
        async def work() -> None:
            async with self.handoff.database.transaction() as unit:
                if how == "withdraw":
                    await manual.withdraw(unit, lead, "", self.handoff.now)
                elif how == "claim":
                    await manual.claim(unit, lead, self.reps[rep], self.handoff.now)
                else:
                    await manual.reassign(unit, lead, self.reps[rep], "", self.handoff.now)

        self._legal(work)

    @rule(lead=leads, into=leads)
    def merge(self, lead: UUID, into: UUID) -> None:
        self.do(lambda: self.handoff.hear(events.LeadMerged(lead_id=lead, person_id=uuid4(), into=into)))

    @rule(lead=leads)
    def erase(self, lead: UUID) -> None:
        self.do(lambda: self.handoff.hear(events.PersonErased(lead_id=lead, person_id=uuid4())))

    @rule(minutes=st.sampled_from([1, 6, 40]))
    def wait(self, minutes: int) -> None:
        self.do(lambda: self.handoff.pass_time(minutes=minutes))

    @rule(rep=st.integers(0, 2), away=st.booleans())
    def pause_or_resume(self, rep: int, away: bool) -> None:
        async def work() -> None:
            async with self.handoff.database.transaction() as unit:
                await (people.pause_rep(unit, self.reps[rep], None) if away else people.resume_rep(unit, self.reps[rep]))

        self.do(work)

    def _legal(self, work: Callable[[], Awaitable[None]]) -> None:
        async def attempt() -> None:
            with contextlib.suppress(Illegal):
                await work()

        self.do(attempt)

    @invariant()
    def all_is_well(self) -> None:
        if self.reps:
            self.do(self._look)

    async def _look(self) -> None:
        async with self.handoff.database.transaction() as unit:
            active = await unit.fetch(
                "SELECT l.id, l.state, l.owner_id, count(a.id) AS n, max(a.rep_id::text) AS rep FROM lead l "
                "LEFT JOIN assignment a ON a.lead_id = l.id AND a.state IN ('offered', 'accepted', 'active') GROUP BY l.id"
            )
            for row in active:
                with_rep = row["state"] in ("offered", "accepted", "contacted", "sales_qualified", "proposed")
                assert row["n"] == int(with_rep), dict(row)
                assert not with_rep or str(row["owner_id"]) == row["rep"], dict(row)
                before = self.ended.get(row["id"])
                assert before is None or row["state"] in (before, "merged", "erased"), (before, row["state"])
                if row["state"] in TERMINAL:
                    self.ended[row["id"]] = row["state"]
            credit = await unit.fetch("SELECT pool, sum(credit) AS credit FROM pool_member GROUP BY pool")
            assert all(row["credit"] == 0 for row in credit)
            unwritten = await unit.value(
                "SELECT count(*) FROM outbox o WHERE topic = $1 AND NOT EXISTS (SELECT 1 FROM fact f WHERE f.source = '/handoff' "
                "AND f.event_id = o.headers->>'ce_id') AND o.headers->>'ce_type' NOT LIKE '%agreement.applied%'",
                events.HANDOFF,
            )
            assert unwritten == 0
            assert (await verify_decisions(unit)).wrong == []


async def test_any_order_of_anything_keeps_one_rep_a_lead_and_credits_that_add_up(new_database: Any) -> None:
    Machine.url = await new_database("handoff")
    bounded = settings(
        max_examples=12,
        stateful_step_count=25,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    await in_thread(lambda: run_state_machine_as_test(Machine, settings=bounded))
