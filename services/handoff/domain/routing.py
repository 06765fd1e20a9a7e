"""Who gets this lead, and why: credit-weighted round robin in integers, with a record anybody can recompute.

Bounds while all are available: never more than 1 - 1/n leads ahead of the weighted share.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

ONE_LEAD = 10**9


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rep as the decision sees them. `last_turn`: when they last got a lead of this pool."""

    rep_id: UUID
    name: str
    state: str
    weight: int
    credit: int
    last_turn: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """The pick (or None), the record of why, and every candidate with their credit afterwards."""

    pick: UUID | None
    record: dict[str, Any]
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Match:
    rule: str
    pool: str
    missed: tuple[str, ...]


def match_rule(rules: Sequence[Any], territories: Mapping[str, Sequence[str]], lead: Mapping[str, Any]) -> Match:
    """The first rule that fits. The agreement guarantees that the last one does."""
    missed: list[str] = []
    for rule in rules:
        in_territory = rule.territory is None or lead["postal_code"] in territories[rule.territory]
        fits = (not rule.selection or lead["selection"] in rule.selection) and (not rule.tier or lead["tier"] in rule.tier)
        if in_territory and fits:
            return Match(rule.name, rule.pool, tuple(missed))
        missed.append(rule.name)
    raise ValueError("no rule fits: the last rule of an agreement must fit every lead")


def decide(
    candidates: Sequence[Candidate], *, match: Match, agreement: str, turn: int, tried: frozenset[UUID] = frozenset()
) -> Outcome:
    """Filter in a fixed order, each exclusion with its reason; then the rep with the most credit."""
    eligible: list[Candidate] = []
    excluded: list[dict[str, str]] = []
    for candidate in sorted(candidates, key=lambda one: one.rep_id):
        if reason := _excluded_by(candidate, tried):
            excluded.append({"rep_id": str(candidate.rep_id), "filter": reason[0], "reason": reason[1]})
        else:
            eligible.append(candidate)
    record: dict[str, Any] = {
        "agreement": agreement,
        "rule": match.rule,
        "rules_missed": list(match.missed),
        "pool": match.pool,
        "turn": turn,
        "excluded": excluded,
        "weights": {str(one.rep_id): one.weight for one in eligible},
        "credits_before": {str(one.rep_id): one.credit for one in eligible},
        "last_turns": {str(one.rep_id): one.last_turn for one in eligible},
    }
    if not eligible:
        record |= {"pick": None, "sentence": f"Nobody in {match.pool} is available: {_counted(excluded)}."}
        return Outcome(None, _sealed(record), tuple(candidates))
    after = pick_by_credit(eligible, turn)
    pick = next(one for one in after if one.last_turn == turn)
    others = [one for one in after if one.rep_id != pick.rep_id]
    runner_up = max(others, key=lambda one: (one.credit, -one.last_turn), default=None)
    record |= {
        "pick": str(pick.rep_id),
        "runner_up": str(runner_up.rep_id) if runner_up else None,
        "credits_after": {str(one.rep_id): one.credit for one in after},
        "sentence": _sentence(pick, runner_up, match, excluded),
    }
    by_id = {one.rep_id: one for one in after}
    return Outcome(pick.rep_id, _sealed(record), tuple(by_id.get(one.rep_id, one) for one in candidates))


def pick_by_credit(eligible: Sequence[Candidate], turn: int) -> list[Candidate]:
    """Everybody earns their share of one lead; the richest pays for it. Ties: whoever waited longest, then a hash."""
    total = sum(one.weight for one in eligible)
    shares = [ONE_LEAD * one.weight // total for one in eligible]
    remainders = sorted(
        range(len(eligible)), key=lambda place: (-(ONE_LEAD * eligible[place].weight % total), eligible[place].rep_id)
    )
    for place in remainders[: ONE_LEAD - sum(shares)]:
        shares[place] += 1
    credits = [one.credit + share for one, share in zip(eligible, shares, strict=True)]
    best = max((credit, -one.last_turn) for credit, one in zip(credits, eligible, strict=True))
    tied = [place for place, one in enumerate(eligible) if (credits[place], -one.last_turn) == best]
    richest = tied[0] if len(tied) == 1 else max(tied, key=lambda place: _tie(eligible[place].rep_id))
    credits[richest] -= ONE_LEAD
    return [
        Candidate(one.rep_id, one.name, one.state, one.weight, credits[place], turn if place == richest else one.last_turn)
        for place, one in enumerate(eligible)
    ]


def hash_of_record(record: Mapping[str, Any]) -> str:
    """The hash of everything but the hash."""
    rest = {name: value for name, value in record.items() if name != "hash"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _sealed(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "hash": hash_of_record(record)}


def _excluded_by(candidate: Candidate, tried: frozenset[UUID]) -> tuple[str, str] | None:
    if candidate.state != "active":
        return "active", f"is {candidate.state}"
    if candidate.weight <= 0:
        return "weight", "has weight 0 in this pool"
    if candidate.rep_id in tried:
        return "tried", "was offered this lead before"
    return None


def _tie(rep_id: UUID) -> str:
    return hashlib.sha256(rep_id.bytes).hexdigest()


def _counted(excluded: Sequence[Mapping[str, str]]) -> str:
    if not excluded:
        return "it has no reps"
    reasons = [one["reason"] for one in excluded]
    return ", ".join(f"{reasons.count(reason)} {reason}" for reason in dict.fromkeys(reasons))


def _sentence(pick: Candidate, runner_up: Candidate | None, match: Match, excluded: Sequence[Mapping[str, str]]) -> str:
    why = f"{pick.name} was next in line in {match.pool} (rule: {match.rule})"
    if runner_up is not None:
        why += f", ahead of {runner_up.name}"
    return f"{why}; left out: {_counted(excluded)}." if excluded else f"{why}."
