"""A pool with its people at one instant: who is eligible for what, in a fixed order of filters, each with its reason.

What leads have in common is worked out once per need, so that deciding costs no more than the eligible reps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.handoff.domain.credit import Member, shares_of, tie
from services.handoff.domain.people import Reason, away, inactive, lacks, next_available, outside_hours
from services.handoff.domain.policy import Pool, Rule
from services.handoff.domain.rules import Facets

AWAY = ("hours", "paused", "time_off")
LISTED = 30


@dataclass(frozen=True, slots=True)
class Needs:
    """What a lead asks of a rep."""

    skills: frozenset[str] = frozenset()
    licences: frozenset[str] = frozenset()
    language: str = ""
    areas: tuple[str, ...] = ()
    has_area: bool = False

    @classmethod
    def of(cls, rule: Rule, pool: Pool, lead: Facets) -> "Needs":
        return cls(rule.skills | pool.skills, rule.licences | pool.licences, lead.language, lead.areas, lead.has_area)


@dataclass(slots=True)
class LeftOut:
    """Who fell out at which filter: the first by name, all by count; the roster tells about the rest."""

    listed: list[dict[str, str]] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)

    def add(self, member: Member, reason: Reason) -> None:
        if len(self.listed) < LISTED:
            self.listed.append({"rep_id": member.rep.id, "filter": reason[0], "reason": reason[1]})
        self.reasons[reason[1]] = self.reasons.get(reason[1], 0) + 1


@dataclass(slots=True)
class Shortlist:
    """Who can do it and is there, and who could but is away. `capped`: somebody who is there has a limit."""

    ready: list[Member]
    away: list[Member]
    left_out: LeftOut
    capped: bool
    shares: list[int]
    opens_at: datetime | None = None
    looked: bool = False


@dataclass(slots=True)
class Team:
    """`turn` counts the pool's decisions, `roster` names the people as stored. Members come in order of their ids."""

    pool: Pool
    members: list[Member]
    at: datetime
    turn: int = 0
    roster: str = ""
    limited: list[Member] = field(init=False)
    _lists: dict[tuple[Needs, bool], Shortlist] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.limited = [one for one in self.members if has_limit(one)]

    def shortlist(self, needs: Needs, *, any_hour: bool = False) -> Shortlist:
        found = self._lists.get((needs, any_hour))
        if found is None:
            found = self._lists[needs, any_hour] = self._make(needs, any_hour)
        return found

    def _make(self, needs: Needs, any_hour: bool) -> Shortlist:
        ready: list[Member] = []
        away: list[Member] = []
        left_out = LeftOut()
        for member in self.members:
            reason = self._reason(member, needs, any_hour)
            if reason is None:
                ready.append(member)
                continue
            left_out.add(member, reason)
            if reason[0] in AWAY:
                away.append(member)
        shares = shares_of([one.rep.weight for one in ready]) if ready else []
        return Shortlist(ready, away, left_out, any(map(has_limit, ready)), shares)

    def _reason(self, member: Member, needs: Needs, any_hour: bool) -> Reason | None:
        return self.unfit(member, needs) or (away(member.rep, self.at) if any_hour else self.absent(member))

    def unfit(self, member: Member, needs: Needs) -> Reason | None:
        """Why the lead is not for them, at whatever hour."""
        rep = member.rep
        return inactive(rep) or lacks(rep, needs.skills, needs.licences, needs.language) or _elsewhere(member, needs)

    def absent(self, member: Member) -> Reason | None:
        """Why they are not at work in this pool."""
        return away(member.rep, self.at) or outside_hours(member.rep, self.pool, self.at)

    def member(self, rep_id: str) -> Member | None:
        return next((one for one in self.members if one.rep.id == rep_id), None)

    def has_somebody_free(self) -> bool:
        """Whether anybody is at work and may take a lead more, whatever the lead needs."""
        return any(not (inactive(one.rep) or self.absent(one) or full(one)) for one in self.members)

    def eligible(self, listed: Shortlist, tried: frozenset[str]) -> tuple[list[Member], LeftOut | None]:
        """Who of the shortlist may be picked now, and who of it fell out."""
        if not listed.capped and not tried:
            return listed.ready, None
        ready: list[Member] = []
        left_out = LeftOut()
        for member in listed.ready:
            if reason := full(member) or _asked(member, tried):
                left_out.add(member, reason)
            else:
                ready.append(member)
        return ready, left_out

    def on_duty(self, duty: str, needs: Needs, tried: frozenset[str]) -> list[Member]:
        """Who is on call, or manages: at any hour, whatever their load; first who was asked longest ago."""
        fit = [
            one
            for one in self.members
            if getattr(one.rep, duty)
            and one.rep.state != "left"
            and one.rep.id not in tried
            and not away(one.rep, self.at)
            and not lacks(one.rep, needs.skills, needs.licences, needs.language)
            and not _elsewhere(one, needs)
        ]
        return sorted(fit, key=lambda one: (one.last_turn, tie(self.pool.name, one.rep.id)))

    def opens_at(self, needs: Needs, tried: frozenset[str]) -> datetime | None:
        """When somebody who could take it works again; None: nobody will."""
        found = self.shortlist(needs)
        if tried:
            return self._earliest([*found.ready, *found.away], tried)
        if not found.looked:
            found.opens_at, found.looked = self._earliest([*found.ready, *found.away], tried), True
        return found.opens_at

    def _earliest(self, members: Sequence[Member], tried: frozenset[str]) -> datetime | None:
        times = (next_available(one.rep, self.pool, self.at) for one in members if one.rep.id not in tried)
        return min((time for time in times if time is not None), default=None)


def _elsewhere(member: Member, needs: Needs) -> Reason | None:
    """A lead that names no place may go to anybody."""
    territories = member.rep.territories
    return ("territory", "works elsewhere") if territories and needs.has_area and territories.isdisjoint(needs.areas) else None


def full(member: Member) -> Reason | None:
    rep, load = member.rep, member.load
    if rep.max_open is not None and load.open >= rep.max_open:
        return "open_capacity", f"has {rep.max_open} open leads already"
    if rep.max_per_day is not None and load.today >= rep.max_per_day:
        return "day_capacity", f"had {rep.max_per_day} leads today already"
    return None


def _asked(member: Member, tried: frozenset[str]) -> Reason | None:
    return ("tried", "was offered this lead before") if member.rep.id in tried else None


def has_limit(member: Member) -> bool:
    return member.rep.max_open is not None or member.rep.max_per_day is not None
