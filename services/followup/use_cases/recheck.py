"""The calendar's part of the gate, for a whole batch of claimed touches at once; and a better day for those that must wait."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.followup import store
from services.followup.domain.caps import widest
from services.followup.domain.plans import Plan
from services.followup.domain.recheck import reason_to_wait
from services.followup.use_cases.households import place_of, touched
from services.followup.use_cases.planning import Planner
from shared.agreement import Company
from shared.database import Transaction


@dataclass(frozen=True, slots=True)
class Recheck:
    planner: Planner

    async def reasons(
        self, unit: Transaction, touches: Sequence[Any], clients: Mapping[UUID, Any], company: Company, now: datetime
    ) -> dict[UUID, str]:
        """Why some of these claimed touches must wait, by their id. The clients' rows are locked by the caller."""
        plans = await self.planner.plans_of(unit, touches, now)
        widths = [max(widest(plan.caps), widest(plan.household_caps)) for plan in plans.values()]
        since = (now - timedelta(days=max(widths, default=0) + 1)).date()
        households = {client["household_id"] for client in clients.values()}
        sent = await store.touches.sent_since(unit, households, since)
        found: dict[UUID, str] = {}
        for touch in sorted(touches, key=lambda one: -one["priority"]):  # who goes last yields first
            client = clients[touch["client_id"]]
            near = [touched(one, now) for one in sent if one["household_id"] == client["household_id"] and one["id"] not in found]
            reason = self._reason(plans, touch, client, company, near, now)
            if reason is not None:
                found[touch["id"]] = reason
        return found

    def _reason(
        self, plans: Mapping[tuple[str, int], Plan], touch: Any, client: Any, company: Company, sent: list[Any], now: datetime
    ) -> str | None:
        plan = plans.get((touch["plan"], touch["plan_version"]))
        step = plan.step(touch["step"]) if plan else None
        if plan is None or step is None:
            return None
        place = place_of(client, company)
        return reason_to_wait(plan, step, touched(touch, now), place, self.planner.quiet.rules, sent, now)

    async def give_back(self, unit: Transaction, touches: Collection[Any], now: datetime) -> None:
        """They go back into the calendar, which finds them a better moment or says why there is none."""
        await store.touches.give_back(unit, [touch["id"] for touch in touches], now + timedelta(seconds=1))
        await self.planner.plan(unit, {touch["client_id"] for touch in touches}, now)
