"""The decision record: everything the decision was made of, what came of it, one plain sentence, and a hash over all."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from services.handoff.domain.credit import Member, Turn
from services.handoff.domain.team import LeftOut

if TYPE_CHECKING:
    from services.handoff.domain.routing import Lead

VERSION = 5  # 4 named the rosters of pools it did not look at, and read languages as typed; 3 asked the owner's pool only
FLAGS = ("held", "rested", "overdue")


def of_lead(lead: "Lead") -> dict[str, Any]:
    """What the decision knew of the lead; nothing personal."""
    found: dict[str, Any] = {
        "hash": lead.hash,
        "since": lead.since.isoformat(),
        "tries": lead.tries,
        "facets": lead.facets.as_record(),
    }
    if lead.asked:
        found["asked"] = sorted(lead.asked)
    found |= {name: True for name in FLAGS if getattr(lead, name)}
    if lead.owner is not None:
        found["owner"] = {"pool": lead.owner.pool, "rep": lead.owner.row}
    return found


def of_turn(earners: Sequence[Member], absent: Sequence[Member], turn: Turn) -> dict[str, Any]:
    """Weights of 1 are left out. When each was last served stands in the order of `credits_before`, if it counted."""
    ids = [one.rep.id for one in earners]
    found: dict[str, Any] = {
        "weights": {one.rep.id: one.rep.weight for one in earners if one.rep.weight != 1},
        "credits_before": {one.rep.id: one.credit for one in earners},
        "credits_after": dict(zip(ids, turn.credits, strict=True)),
        "runner_up": ids[turn.runner_up] if turn.runner_up is not None else None,
    }
    if turn.by_turns:
        found["last_turns"] = [one.last_turn for one in sorted(earners, key=lambda one: one.rep.id)]
    if absent:
        found["catching_up"] = [one.rep.id for one in absent]
    return found


def of_loads(counted: Sequence[Member]) -> dict[str, list[int]]:
    """Open and today."""
    return {one.rep.id: [one.load.open, one.load.today] for one in counted}


def of_left_out(left_out: Sequence[LeftOut]) -> dict[str, Any]:
    return {
        "excluded": [entry for one in left_out for entry in one.listed],
        "excluded_count": sum(sum(one.reasons.values()) for one in left_out),
    }


def in_turn(
    pick: Member, runner_up: Member | None, pool: str, first: str, rule: str, kind: str, left_out: Sequence[LeftOut]
) -> str:
    why = f"{pick.rep.name} was next in line in {pool} (rule: {rule})"
    if runner_up is not None:
        why += f", ahead of {runner_up.rep.name}"
    if pool != first:
        why = f"Nobody in {first} was available, so {pool} helps out: {why}"
    if kind == "after_hours":
        why += ", and starts when the pool opens"
    others = counted(left_out)
    return f"{why}; left out: {others}." if others else f"{why}."


def on_duty(member: Member, pool: str, duty: str) -> str:
    if duty == "on_call":
        return f"Nobody in {pool} is at work, and {member.rep.name} is on call."
    return f"Nobody in {pool} took it in time: it goes to {member.rep.name}, who manages the pool."


def nobody(pool: str, left_out: Sequence[LeftOut]) -> str:
    return f"Nobody in {pool} is available: {counted(left_out) or 'it has no reps'}."


def none_took_it(tries: int) -> str:
    return f"{tries} reps were asked and none took it." if tries > 1 else "One rep was asked and did not take it."


def counted(left_out: Sequence[LeftOut]) -> str:
    reasons: dict[str, int] = {}
    for one in left_out:
        for reason, count in one.reasons.items():
            reasons[reason] = reasons.get(reason, 0) + count
    return ", ".join(f"{count} {reason}" for reason, count in reasons.items())


def hash_of_record(record: Mapping[str, Any]) -> str:
    """SHA-256 over everything but the hash, as JSON with sorted keys, without spaces, in UTF-8."""
    rest = {name: value for name, value in record.items() if name != "hash"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
