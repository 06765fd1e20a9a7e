"""Credit-weighted round robin in integers: who is next, and how a pool's credits always add up to zero.

Every earner gets their share of one lead; whoever is picked pays for it. While all are available nobody is more than
1 - 1/n leads ahead of their weighted share nor more than H(n) - 1 behind; credits are never reset.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from services.handoff.domain.people import Rep

ONE_LEAD = 10**9
CATCH_UP = 2 * ONE_LEAD  # what an absence may earn, where the pool lets people catch up


@dataclass(slots=True)
class Load:
    """How many leads a rep has open, and got today: in whichever pool."""

    open: int = 0
    today: int = 0


@dataclass(slots=True)
class Member:
    """A rep in a pool. `last_turn`: the pool's decision that last gave them a lead."""

    rep: Rep
    credit: int = 0
    last_turn: int = 0
    load: Load = field(default_factory=Load)


@dataclass(frozen=True, slots=True)
class Turn:
    """Places in the list of earners, everybody's credit afterwards, and whether equal credits made turns count."""

    pick: int
    runner_up: int | None
    credits: list[int]
    by_turns: bool


def shares_of(weights: Sequence[int]) -> list[int]:
    """One lead divided by weight, to the last unit: what is left over goes to the largest remainders."""
    total = sum(weights)
    shares = [ONE_LEAD * weight // total for weight in weights]
    if left := ONE_LEAD - sum(shares):
        order = sorted(range(len(weights)), key=lambda place: (-(ONE_LEAD * weights[place] % total), place))
        for place in order[:left]:
            shares[place] += 1
    return shares


def take_turn(pool: str, earners: Sequence[Member], shares: Sequence[int], eligible: int) -> Turn:
    """The first `eligible` of the earners may be picked: the richest, then who waited longest, then by a hash."""
    credits = [one.credit + share for one, share in zip(earners, shares, strict=True)]
    able = credits if eligible == len(credits) else credits[:eligible]
    best = max(able)
    tied = [place for place, credit in enumerate(able) if credit == best]
    pick = _first(pool, earners, tied)
    others = [place for place in tied if place != pick]
    if not others and eligible > 1:
        second = max([credit for place, credit in enumerate(able) if place != pick])
        others = [place for place, credit in enumerate(able) if credit == second and place != pick]
    runner_up = _first(pool, earners, others) if others else None
    credits[pick] -= ONE_LEAD
    return Turn(pick, runner_up, credits, len(tied) > 1 or len(others) > 1)


def _first(pool: str, earners: Sequence[Member], tied: Sequence[int]) -> int:
    if len(tied) == 1:
        return tied[0]
    waited = min([earners[place].last_turn for place in tied])
    longest = [place for place in tied if earners[place].last_turn == waited]
    return longest[0] if len(longest) == 1 else max(longest, key=lambda place: tie(pool, earners[place].rep.id))


@lru_cache(maxsize=4096)
def tie(pool: str, rep_id: str) -> str:
    return hashlib.sha256(f"{pool}/{rep_id}".encode()).hexdigest()


def refund(members: Sequence[Member], rep_id: str) -> None:
    """Give a turn back: one lead of credit to the rep, paid by the others by weight."""
    rep = next((one for one in members if one.rep.id == rep_id), None)
    others = [one for one in members if one is not rep and _shares(one)]
    if rep is None or not others:
        return
    rep.credit += ONE_LEAD
    for one, share in zip(others, shares_of([other.rep.weight for other in others]), strict=True):
        one.credit -= share


def settle_leavers(members: Sequence[Member]) -> None:
    """Who has left, or has weight 0 now, hands their balance to the others by weight."""
    stay = [one for one in members if _shares(one)]
    gone = [one for one in members if one.credit and not _shares(one)]
    if not stay or not gone:
        return
    balance, total = sum(one.credit for one in gone), sum(one.rep.weight for one in stay)
    parts = [balance * one.rep.weight // total for one in stay]
    parts[0] += balance - sum(parts)
    for one, part in zip(stay, parts, strict=True):
        one.credit += part
    for one in gone:
        one.credit = 0


def _shares(member: Member) -> bool:
    return member.rep.weight > 0 and member.rep.state != "left"
