"""Recorded leads under another agreement: who would have got what, how long clients would have waited, and how fairly.

Nobody declines here and no offer expires: it shows what the rules and hours do. A lead that was closed frees its rep then.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.handoff.domain.credit import Load, Member
from services.handoff.domain.people import rep_from_row
from services.handoff.domain.policy import Policy
from services.handoff.domain.replay import owner_of
from services.handoff.domain.routing import Lead, Outcome, Owner, apply, decide, pools_of
from services.handoff.domain.rules import Facets, facets_of
from services.handoff.domain.team import Team

Rows = Sequence[Mapping[str, Any]]
LOOK_AGAIN, A_DAY = timedelta(minutes=15), datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A lead as it came, and when it was closed."""

    id: UUID
    person: UUID
    snapshot: Mapping[str, Any]
    tier: str
    at: datetime
    closed_at: datetime | None


@dataclass(slots=True)
class Simulated:
    """`picks`: lead to rep. `late`: how long clients waited for an offer beyond the promise of being reached."""

    picks: dict[UUID, str] = field(default_factory=dict)
    rules: dict[str, int] = field(default_factory=dict)
    load: dict[str, int] = field(default_factory=dict)
    held: int = 0
    never: int = 0
    late: timedelta = timedelta()
    debt: dict[str, float] = field(default_factory=dict)


class Simulation:
    def __init__(self, policy: Policy, people: Mapping[str, Rows]) -> None:
        """`people`: the roster rows of each pool, with time off of the whole period."""
        self._policy, self._result = policy, Simulated()
        self._loads: dict[str, Load] = {}
        self._rows = {str(row["id"]): row for rows in people.values() for row in rows}
        self._members = {name: self._join(name, people.get(name, ())) for name in policy.pools}
        self._turns = dict.fromkeys(policy.pools, 0)
        self._owners: dict[UUID, tuple[str, str, datetime]] = {}
        self._days: dict[str, Any] = {}
        self._closing: list[tuple[datetime, str]] = []
        self._entitled: dict[tuple[str, str], float] = {}
        self._got: dict[tuple[str, str], int] = {}
        self._nobody: dict[Facets, tuple[datetime, Outcome]] = {}

    def run(self, leads: Sequence[Recorded], until: datetime) -> Simulated:
        """Leads as they came; one that nobody could take comes again when somebody works, oldest first."""
        queue = [(one.at, place, one) for place, one in enumerate(leads)]
        heapq.heapify(queue)
        facets = [facets_of(self._policy, one.snapshot, one.tier) for one in leads]
        held: set[UUID] = set()
        while queue:
            at, place, lead = heapq.heappop(queue)
            if at > until:
                break
            outcome = self._decide(lead, facets[place], at, lead.id in held)
            if outcome.pick is None:
                held.add(lead.id)
                if outcome.until is not None:  # else nobody who could take it will work again
                    again = outcome.until if outcome.until > at else at + LOOK_AGAIN - (at - A_DAY) % LOOK_AGAIN
                    heapq.heappush(queue, (again, place, lead))
            else:
                self._note(lead, outcome, at)
        self._result.held, self._result.never = len(held), len(leads) - len(self._result.picks)
        for (pool, rep_id), entitled in self._entitled.items():
            debt = abs(self._got.get((pool, rep_id), 0) - entitled)
            self._result.debt[pool] = max(self._result.debt.get(pool, 0.0), debt)
        return self._result

    def _join(self, name: str, rows: Rows) -> list[Member]:
        pool = self._policy.pools[name]
        reps = (rep_from_row(row, self._policy, pool) for row in sorted(rows, key=lambda row: str(row["id"])))
        return [Member(rep, load=self._loads.setdefault(rep.id, Load())) for rep in reps]

    def _decide(self, lead: Recorded, facets: Facets, at: datetime, held: bool) -> Outcome:
        """What nobody could take, nobody can take the same of in the same moment: a crowd is held in one look."""
        self._free(at)
        owner = self._owner(lead, at)
        looked_at, nobody = self._nobody.get(facets, (None, None))
        if nobody is not None and looked_at == at and owner is None:
            return nobody
        names = pools_of(self._policy, facets, owner.pool if owner else "")
        teams = {name: self._team(name, at) for name in names}
        outcome = decide(self._policy, teams, Lead(facets, lead.at, held=held, owner=owner), at)
        apply(outcome, teams)
        self._turns |= {name: team.turn for name, team in teams.items()}
        if outcome.pick is None and owner is None:
            self._nobody[facets] = at, outcome
        return outcome

    def _team(self, name: str, at: datetime) -> Team:
        for member in self._members[name]:
            day = at.astimezone(ZoneInfo(member.rep.zone)).date()
            if self._days.get(member.rep.id) != day:
                self._days[member.rep.id], member.load.today = day, 0
        return Team(self._policy.pools[name], self._members[name], at, self._turns[name])

    def _free(self, at: datetime) -> None:
        while self._closing and self._closing[0][0] <= at:
            _, rep_id = heapq.heappop(self._closing)
            self._loads[rep_id].open -= 1

    def _owner(self, lead: Recorded, at: datetime) -> Owner | None:
        rep_id, pool, since = self._owners.get(lead.person, ("", "", at))
        if not rep_id or at - since > self._policy.sticky_for:
            return None
        return owner_of(self._rows[rep_id], pool, self._policy)

    def _note(self, lead: Recorded, outcome: Outcome, at: datetime) -> None:
        result, pick = self._result, str(outcome.pick)
        result.picks[lead.id] = pick
        rule = outcome.record["rule"]
        result.rules[rule] = result.rules.get(rule, 0) + 1
        result.load[pick] = result.load.get(pick, 0) + 1
        result.late += max(at - lead.at - self._policy.tier(lead.tier).touch_within, timedelta())
        self._owners[lead.person] = (pick, outcome.pool, at)
        if lead.closed_at is not None:
            heapq.heappush(self._closing, (max(at, lead.closed_at), pick))
        if outcome.charges:
            self._got[outcome.pool, pick] = self._got.get((outcome.pool, pick), 0) + 1
            total = sum(member.rep.weight for member, _ in outcome.charges)
            for member, _ in outcome.charges:
                entitled = self._entitled.get((outcome.pool, member.rep.id), 0.0)
                self._entitled[outcome.pool, member.rep.id] = entitled + member.rep.weight / total
