"""Who gets this lead, and why: a pure function of the agreement, the people, their credits, the lead and the time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.handoff.domain import record as records
from services.handoff.domain.credit import ONE_LEAD, Member, shares_of, take_turn
from services.handoff.domain.people import Reason, Rep, next_available
from services.handoff.domain.policy import Policy, Rule, Tier
from services.handoff.domain.rules import Facets, match_rule
from services.handoff.domain.team import LeftOut, Needs, Shortlist, Team, full, has_limit


@dataclass(frozen=True, slots=True)
class Owner:
    """The rep who knows the person, as a roster row, and the pool they had the person from."""

    row: Mapping[str, Any]
    rep: Rep
    pool: str


@dataclass(frozen=True, slots=True)
class Lead:
    """`asked`: those who were offered it. `held`: nobody could take it so far; `rested`: for a while; `overdue`: for too long."""

    facets: Facets
    since: datetime
    hash: str = ""
    asked: frozenset[str] = frozenset()
    tries: int = 0  # offers that were declined or ran out, and clients who were not reached in time
    held: bool = False
    rested: bool = False
    overdue: bool = False
    owner: Owner | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The pick, or until when to hold the lead. `charges`: new credits of the pool's members, and who was served.

    `record` has no hash yet: whoever stores it seals it.
    """

    pick: str | None
    pool: str
    kind: str
    record: dict[str, Any]
    charges: Sequence[tuple[Member, int]] = ()
    served: Member | None = None
    until: datetime | None = None


class HelpNeeded(Exception):
    """Nobody in the pools at hand takes this lead: decide again with those that help them out."""


@dataclass(slots=True)
class _Case:
    """One decision in the making. Its record names the roster of each pool that was looked at."""

    policy: Policy
    teams: Mapping[str, Team]
    lead: Lead
    at: datetime
    needs: Needs
    chain: tuple[str, ...]
    rule: Rule
    tried: frozenset[str]
    record: dict[str, Any]
    left_out: list[LeftOut] = field(default_factory=list)
    counted: list[Member] = field(default_factory=list)  # of whom it mattered how many leads they have

    @property
    def pool(self) -> str:
        return self.chain[0]

    @property
    def tier(self) -> Tier:
        return self.policy.tier(self.lead.facets.tier)

    def team(self, pool: str) -> Team:
        team = self.teams.get(pool)
        if team is None:
            raise HelpNeeded(pool)
        self.record["rosters"][pool] = team.roster
        return team


def pools_of(policy: Policy, facets: Facets, owner_pool: str) -> tuple[str, ...]:
    """Every pool the decision may look at, in the order they are asked."""
    return chain_of(policy, match_rule(policy, facets).rule, owner_pool)


def chain_of(policy: Policy, rule: Rule, owner_pool: str) -> tuple[str, ...]:
    """The pools in the order they are asked: the owner's first, where its clients are kept, then the rule's."""
    kept = owner_pool in policy.pools and policy.pools[owner_pool].sticky
    return policy.chain(owner_pool, rule.pool) if kept else policy.chain(rule.pool)


def decide(policy: Policy, teams: Mapping[str, Team], lead: Lead, at: datetime) -> Outcome:
    """The owner, else who is next by credit, else who helps out, is on call or manages; else hold it.

    `teams`: at least the pool that is asked first. Raises HelpNeeded where another must be looked at that is not there.
    """
    case = _open(policy, teams, lead, at)
    exhausted = lead.tries >= policy.max_attempts
    outcome = None if exhausted else (_to_owner(case) or _in_turn(case) or _after_hours(case) or _on_call(case))
    if outcome is None and (exhausted or lead.overdue):
        outcome = _on_duty(case, "manager")
    if outcome is None and lead.asked and (lead.overdue or (lead.rested and not _somebody_else(case))):
        case.tried, case.left_out = frozenset(), []
        case.record["asked_again"] = True
        outcome = _in_turn(case) or _after_hours(case) or _on_call(case)
    return outcome or _hold(case, records.none_took_it(lead.tries) if exhausted else records.nobody(case.pool, case.left_out))


def apply(outcome: Outcome, teams: Mapping[str, Team]) -> None:
    """The next decision sees what this one changed."""
    if outcome.served is None:
        return
    team = teams[outcome.pool]
    team.turn += 1
    for member, credit in outcome.charges:
        member.credit = credit
    outcome.served.last_turn = team.turn
    outcome.served.load.open += 1
    outcome.served.load.today += 1


def _open(policy: Policy, teams: Mapping[str, Team], lead: Lead, at: datetime) -> _Case:
    match = match_rule(policy, lead.facets)
    rule = match.rule
    chain = chain_of(policy, rule, lead.owner.pool if lead.owner else "")
    needs = Needs.of(rule, policy.pools[chain[0]], lead.facets)
    record = {
        "version": records.VERSION,
        "agreement": policy.hash,
        "at": at.isoformat(),
        "lead": records.of_lead(lead),
        "rule": rule.name,
        "rules_missed": list(match.missed),
        "rosters": {},
    }
    return _Case(policy, teams, lead, at, needs, chain, rule, lead.asked, record)


def _to_owner(case: _Case) -> Outcome | None:
    """Who knows the client, if they may have the lead and are there within the tier's grace."""
    owner, team = case.lead.owner, case.team(case.pool)
    if owner is None or not team.pool.sticky or owner.rep.id in case.tried:
        return None
    member = team.member(owner.rep.id) or Member(owner.rep)  # who was chosen by hand may be in another pool
    barred = _may_not(case, team, member)
    reason = barred or team.absent(member)
    if reason is None:
        case.record["sticky"] = {"rep_id": owner.rep.id, "result": "taken"}
        return _uncharged(case, "sticky", case.pool, member, f"{owner.rep.name} knows this client and is available.")
    back = None if barred else next_available(member.rep, team.pool, case.at)
    waits = back is not None and back <= case.lead.since + case.tier.grace
    result = "left_out" if barred else "waits" if waits else "away"
    case.record["sticky"] = {"rep_id": owner.rep.id, "result": result, "reason": reason[1]}
    if not waits:
        return None
    sentence = f"{owner.rep.name} knows this client and is back in time: the lead waits for them."
    return _held(case, "waits_for_owner", back, sentence)


def _may_not(case: _Case, team: Team, member: Member) -> Reason | None:
    """What keeps the lead from the owner even while they work: what it needs, where they work, how many leads they have."""
    reason = team.unfit(member, case.needs)
    if reason or not has_limit(member):
        return reason
    if team.member(member.rep.id) is None:
        return "pool", f"has a limit, and is not in {team.pool.name} to be counted"
    case.counted.append(member)
    return full(member)


def _in_turn(case: _Case, *, any_hour: bool = False) -> Outcome | None:
    """Next by credit in the pool, else in those that help it out."""
    case.left_out = []
    for name in case.chain:
        team = case.team(name)
        case.counted += team.limited
        listed = team.shortlist(_needs_in(case, name), any_hour=any_hour)
        ready, left_out = team.eligible(listed, case.tried)
        case.left_out += [listed.left_out] if left_out is None else [listed.left_out, left_out]
        if ready:
            return _by_credit(case, team, listed, ready, "after_hours" if any_hour else "in_turn")
    return None


def _needs_in(case: _Case, pool: str) -> Needs:
    return case.needs if pool == case.pool else Needs.of(case.rule, case.policy.pools[pool], case.lead.facets)


def _by_credit(case: _Case, team: Team, listed: Shortlist, ready: list[Member], kind: str) -> Outcome:
    absent = [one for one in listed.away if one.credit <= ONE_LEAD] if team.pool.catch_up else []
    earners = ready + absent if absent else ready
    shares = listed.shares if earners is listed.ready else shares_of([one.rep.weight for one in earners])
    turn = take_turn(team.pool.name, earners, shares, len(ready))
    pick = earners[turn.pick]
    runner_up = earners[turn.runner_up] if turn.runner_up is not None else None
    case.record |= records.of_turn(earners, absent, turn)
    sentence = records.in_turn(pick, runner_up, team.pool.name, case.pool, case.rule.name, kind, case.left_out)
    charges = list(zip(earners, turn.credits, strict=True))
    kind = "overflow" if team.pool.name != case.pool else kind
    return Outcome(pick.rep.id, team.pool.name, kind, _close(case, kind, team, pick, sentence), charges, pick)


def _after_hours(case: _Case) -> Outcome | None:
    return _in_turn(case, any_hour=True) if case.tier.after_hours == "offer" else None


def _on_call(case: _Case) -> Outcome | None:
    return _on_duty(case, "on_call") if case.tier.after_hours == "on_call" else None


def _on_duty(case: _Case, duty: str) -> Outcome | None:
    for name in case.chain:
        fit = case.team(name).on_duty(duty, _needs_in(case, name), case.tried)
        if fit:
            case.record["on_duty"] = {one.rep.id: one.last_turn for one in fit}
            return _uncharged(case, duty, name, fit[0], records.on_duty(fit[0], name, duty))
    return None


def _somebody_else(case: _Case) -> bool:
    """Whether anybody who was not asked yet will work again."""
    return any(case.team(name).opens_at(_needs_in(case, name), case.tried) is not None for name in case.chain)


def _uncharged(case: _Case, kind: str, pool: str, member: Member, sentence: str) -> Outcome:
    """Given for a reason other than the turn: shown, and nobody's credit changes."""
    team = case.team(pool)
    return Outcome(member.rep.id, pool, kind, _close(case, kind, team, member, sentence), (), member)


def _hold(case: _Case, sentence: str) -> Outcome:
    times = [case.team(name).opens_at(_needs_in(case, name), case.tried) for name in case.chain]
    until = min((time for time in times if time is not None), default=None)
    return _held(case, "held", until, sentence)


def _held(case: _Case, kind: str, until: datetime | None, sentence: str) -> Outcome:
    case.record["until"] = until.isoformat() if until else None
    return Outcome(None, case.pool, kind, _close(case, kind, case.team(case.pool), None, sentence), until=until)


def _close(case: _Case, kind: str, team: Team, pick: Member | None, sentence: str) -> dict[str, Any]:
    return case.record | {
        "pool": team.pool.name,
        "kind": kind,
        "turn": team.turn + (pick is not None),
        "pick": pick.rep.id if pick else None,
        "loads": records.of_loads(case.counted),
        "sentence": sentence,
        **records.of_left_out(case.left_out),
    }
