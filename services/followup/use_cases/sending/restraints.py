"""Hours and caps at the gate, read for many touches at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.followup import store
from services.followup.domain.caps import Cap, Touched, broken_cap, widest
from services.followup.domain.hours import opens_at
from services.followup.domain.plans import Plan
from services.followup.domain.windows import QuietRule
from services.followup.use_cases.households import place_of
from shared.agreement import Company
from shared.database import Transaction


@dataclass(frozen=True, slots=True)
class Held:
    """What holds a touch back: when its hours begin, the cap it would break."""

    opens_at: datetime | None = None
    cap: str | None = None
    cap_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Restraints:
    quiet: tuple[QuietRule, ...] = ()

    async def ask(
        self,
        unit: Transaction,
        touches: Sequence[Any],
        clients: Mapping[UUID, Any],
        plans: Mapping[tuple[str, int], Plan],
        company: Company,
        now: datetime,
    ) -> dict[UUID, Held]:
        """Two touches of one household in the same group count for each other, in the order they were due."""
        days = max((widest((*plan.caps, *plan.household_caps)) for plan in plans.values()), default=0)
        heard = await self._heard(unit, clients, days, now)
        found = {}
        for touch in touches:
            plan = plans.get((touch["plan"], touch["plan_version"]))
            step = plan.step(touch["step"]) if plan else None
            if plan is None or step is None:
                continue
            client = clients[touch["client_id"]]
            place = place_of(client, company)
            today = now.astimezone(place.zone).date()
            opens = opens_at(step, touch["channel"], place, self.quiet, now)
            roof = heard.setdefault(client["household_id"], [])
            own = [one for one in roof if one.client_id == str(client["id"])]
            cap = _broken(plan.caps, today, touch, own) or _broken(plan.household_caps, today, touch, roof)
            rolls = cap is not None and step.rules.on_cap == "roll"
            found[touch["id"]] = Held(opens, cap, now + timedelta(days=1) if rolls else None)
            if opens is None and cap is None:
                roof.append(_touched(touch, today))
        return found

    async def _heard(self, unit: Transaction, clients: Mapping[UUID, Any], days: int, now: datetime) -> dict[UUID, list[Touched]]:
        """What each household heard lately, on the day it really went out."""
        found: dict[UUID, list[Touched]] = {}
        if days:
            for row in await store.sending.recent_touches(unit, clients, now - timedelta(days=days + 1)):
                day = (row["settled_at"] or now).astimezone(ZoneInfo(row["zone"])).date()
                found.setdefault(row["household_id"], []).append(_touched(row, day))
        return found


def _broken(caps: Sequence[Cap], day: date, touch: Any, others: list[Touched]) -> str | None:
    broken = broken_cap(caps, day, touch["purpose"], touch["channel"], others)
    return f"cap {broken[0]}: {broken[1].id} went first" if broken else None


def _touched(touch: Any, day: date) -> Touched:
    names = ("plan", "step", "purpose", "channel")
    return Touched(str(touch["id"]), str(touch["client_id"]), day=day, **{name: touch[name] for name in names})
