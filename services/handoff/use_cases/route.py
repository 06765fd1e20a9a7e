"""Routing: a batch of leads under the locks of their pools, decided by a pure function, written in a few statements."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.handoff import store
from services.handoff.domain.clocks import NOT_REACHED, hold_ends_at
from services.handoff.domain.guards import is_contactable, may_go
from services.handoff.domain.policy import Policy
from services.handoff.domain.replay import owner_of
from services.handoff.domain.routing import HelpNeeded, Lead, Outcome, Owner, apply, decide, pools_of
from services.handoff.domain.rules import Facets, facets_of
from services.handoff.use_cases.floor import Floor, enter
from services.handoff.use_cases.outcomes import apply_early_events
from services.handoff.use_cases.policy import current_policy
from services.handoff.use_cases.routed import hold_back, save, snapshot_hash
from shared import events
from shared.database import Transaction
from shared.envelope import Received

NO_WAY = "The client asked not to be contacted on any channel we have."
SWEPT = 50  # as many held leads a batch takes along; their own timers look at all of them


@dataclass(frozen=True, slots=True)
class Case:
    """A lead's row, what the decision sees of it, and the pools it may look at."""

    row: Any
    lead: Lead
    pools: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What was decided and is not written yet."""

    policy: Policy
    floor: Floor
    decided: Sequence[tuple[Any, Outcome]]
    closed: Sequence[Any] = ()  # leads that nobody may be given any more

    def kind_of(self, lead_id: UUID) -> str | None:
        """How a lead found a rep; None where it found nobody."""
        return next((one.kind for row, one in self.decided if row["id"] == lead_id and one.pick is not None), None)


async def receive_leads(unit: Transaction, received: list[Received], now: datetime) -> None:
    """Keep qualified leads, route them, and apply what a CRM reported before we knew them."""
    qualified = [one.event for one in received if isinstance(one.event, events.LeadQualified)]
    rows = [_lead_row(event, now) for event in qualified]
    new = await store.leads.insert_leads(unit, rows)
    leads = [row for row in rows if row["id"] in new and not row["test"]]
    unreachable = [row for row in leads if not is_contactable(row["snapshot"]["contact"], row["snapshot"]["consents"])]
    await hold_back(unit, unreachable, NO_WAY, now)
    await route(unit, [row for row in leads if row not in unreachable] if unreachable else leads, now)
    if early := [lead["id"] for lead in leads if new[lead["id"]]]:
        await apply_early_events(unit, early, now)


def _lead_row(event: events.LeadQualified, now: datetime) -> dict[str, Any]:
    return {
        "id": event.lead_id,
        "person_id": event.person_id,
        "state": "test" if event.test else "qualified",
        "tier": event.tier,
        "test": event.test,
        "attempt": 0,
        "snapshot": event.model_dump(mode="json", exclude={"lead_id", "person_id"}),
        "qualified_at": now,
        "updated_at": now,
    }


async def lock_for_routing(unit: Transaction, lead_ids: Sequence[UUID], now: datetime, *, besides: Iterable[str] = ()) -> None:
    """Pools before leads: who locks a lead that may be routed takes its pools first, so nobody waits in a ring.

    `besides`: more pools to take with them.
    """
    rows = [row for row in await store.leads.peek(unit, lead_ids) if row["snapshot"]]
    cases = await _cases(unit, await current_policy(unit), rows, now)
    await store.pools.lock_pools(unit, {*besides, *(pool for case in cases for pool in case.pools)})


async def route(unit: Transaction, leads: Sequence[Any], now: datetime) -> None:
    """Offer each lead to a rep, or hold it."""
    several = waves(leads)
    if len(several) > 1:
        await lock_for_routing(unit, [lead["id"] for lead in leads], now)
    for wave in several:
        await carry_out(unit, await plan_routes(unit, wave, now), now)


def waves(leads: Iterable[Any]) -> list[list[Any]]:
    """No two leads of one person in one plan: the second finds the rep who was given the first."""
    found: list[list[Any]] = []
    before: Counter[UUID] = Counter()
    for lead in leads:
        place = before[lead["person_id"]]
        if place == len(found):
            found.append([])
        found[place].append(lead)
        before[lead["person_id"]] += 1
    return found


async def plan_routes(unit: Transaction, leads: Sequence[Any], now: datetime, *, only_offers: Collection[UUID] = ()) -> Plan:
    """Decide, under the locks of the pools, leads of different persons. Leads held in the same pools go first, oldest first.

    `only_offers`: where nobody is found these stay as they are. Whose client closed every channel since goes to nobody.
    """
    policy = await current_policy(unit)
    cases = await _cases(unit, policy, leads, now)
    first, every = {case.pools[0] for case in cases}, {pool for case in cases for pool in case.pools}
    if first != every:  # most leads find their rep without those that help out, for whom many others would wait
        try:
            async with unit.savepoint():
                return await _decide(unit, policy, cases, first, only_offers, now)
        except HelpNeeded:
            pass  # and the locks are gone again: all of them now, in order
    return await _decide(unit, policy, cases, every, only_offers, now)


async def _decide(
    unit: Transaction, policy: Policy, cases: Sequence[Case], pools: set[str], only_offers: Collection[UUID], now: datetime
) -> Plan:
    floor = await enter(unit, policy, pools, now)
    waiting = await _waiting(unit, policy, floor, {case.row["person_id"] for case in cases}, now)
    swept = {case.row["id"] for case in waiting}
    quiet = {*only_offers, *swept}
    everybody = _in_order([*waiting, *cases])
    closed = await refused_by_now(unit, [case.row for case in everybody if case.row["state"] != "qualified"])
    decided: list[tuple[Any, Outcome]] = []
    for case in everybody:
        if case.row["id"] in closed:
            continue
        try:
            outcome = decide(policy, floor.teams, case.lead, now)
        except HelpNeeded:
            if case.row["id"] in swept:
                continue  # nobody here takes it: its own clock looks further
            raise
        apply(outcome, floor.teams)
        if outcome.pick is not None or case.row["id"] not in quiet:
            decided.append((case.row, outcome))
    return Plan(policy, floor, decided, [case.row for case in everybody if case.row["id"] in closed.difference(only_offers)])


async def carry_out(unit: Transaction, plan: Plan, now: datetime) -> None:
    await plan.floor.leave(unit)
    await save(unit, plan.policy, plan.decided, now)
    await hold_back(unit, plan.closed, NO_WAY, now)


async def refused_by_now(unit: Transaction, leads: Sequence[Any]) -> set[UUID]:
    """Those of these leads whose clients have closed every channel since they came."""
    if not leads:
        return set()
    said: dict[UUID, list[Any]] = {lead["person_id"]: [] for lead in leads}
    for row in await store.briefs.consents(unit, list(said)):
        said[row["person_id"]].append(row)
    return {lead["id"] for lead in leads if not may_go(lead["snapshot"], said[lead["person_id"]])}


def _in_order(cases: Iterable[Case]) -> list[Case]:
    """Held leads by age, then the others by theirs; those of one age as they came."""
    return sorted(cases, key=lambda case: (not case.lead.held, case.lead.since))


async def _waiting(unit: Transaction, policy: Policy, floor: Floor, persons: set[UUID], now: datetime) -> list[Case]:
    """Held leads of the pools where somebody is free: at night nobody looks at them again for each new one.

    One a person, and none of `persons`, who are decided on already: the others' own timers come within a minute.
    """
    teams = floor.teams
    free = [name for name, team in teams.items() if name in floor.with_held and team.has_somebody_free()]
    found = await store.leads.take_held(unit, free, SWEPT) if free else []
    rows = next(iter(waves(row for row in found if row["person_id"] not in persons)), [])
    return [case for case in await _cases(unit, policy, rows, now) if case.pools[0] in teams] if rows else []


async def _cases(unit: Transaction, policy: Policy, rows: Sequence[Any], now: datetime) -> list[Case]:
    asked = await store.assignments.asked(unit, [row["id"] for row in rows if row["attempt"]], NOT_REACHED)
    owners = await _owners(unit, policy, rows, now)
    return [_case(policy, row, owners.get(row["person_id"]), asked.get(row["id"], (frozenset(), 0)), now) for row in rows]


def _case(policy: Policy, row: Any, owner: Owner | None, asked: tuple[frozenset[str], int], now: datetime) -> Case:
    facets = facets_of(policy, row["snapshot"], row["tier"])
    pools = pools_of(policy, facets, owner.pool if owner else "")
    held = row["state"] == "held"
    lead = Lead(
        facets=facets,
        since=row["qualified_at"],
        hash=snapshot_hash(row["snapshot"]),
        asked=asked[0],
        tries=asked[1],
        held=held,
        rested=held and now >= row["held_since"] + policy.tier(facets.tier).accept_within,
        overdue=held and _overdue(policy, row, facets, now),
        owner=owner,
    )
    return Case(row, lead, pools)


def _overdue(policy: Policy, row: Any, facets: Facets, now: datetime) -> bool:
    pool = row["held_in"]
    return pool in policy.pools and now >= hold_ends_at(policy, pool, facets.tier, row["held_since"])


async def _owners(unit: Transaction, policy: Policy, rows: Sequence[Any], now: datetime) -> dict[UUID, Owner]:
    """Who knows these people: one query for the batch."""
    persons, leads = [row["person_id"] for row in rows], [row["id"] for row in rows]
    found = await store.pools.owners(unit, persons, now - policy.sticky_for, now, leads)
    return {row["person_id"]: owner_of(store.pools.roster_row(row), row["pool"] or "", policy) for row in found}
