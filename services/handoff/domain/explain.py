"""What a decision says of one rep, in a sentence: picked, outbid by how much, or left out by which filter."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.handoff.domain.credit import ONE_LEAD, Load, Member
from services.handoff.domain.people import rep_from_row
from services.handoff.domain.policy import Policy, Rule
from services.handoff.domain.routing import chain_of
from services.handoff.domain.rules import Facets
from services.handoff.domain.team import Needs, Team

Rosters = Mapping[str, Sequence[Mapping[str, Any]]]


def why_not(record: Mapping[str, Any], policy: Policy | None, rosters: Rosters, rep_id: str, name: str) -> str:
    if record["pick"] == rep_id:
        return f"{name} was picked."
    if record["kind"] == "manual":
        return f"{name} was not asked: somebody else was chosen by hand."
    before = record.get("credits_before", {})
    if rep_id in before and rep_id not in record.get("catching_up", ()):
        return _outbid(record, name, rep_id)
    looked_at = record.get("rosters", {})
    chain = _chain(record, policy) if policy is not None and looked_at else ()
    for pool in chain:
        row = next((one for one in rosters.get(looked_at.get(pool, ""), ()) if one["id"] == rep_id), None)
        if row is not None and policy is not None:
            if before and chain.index(pool) > chain.index(record["pool"]):  # as decisions of earlier versions have it
                return f"{name} helps out in {pool}, and somebody in {record['pool']} could take it."
            reason = _left_out(record, policy, pool, row)
            return f"{name} {reason} ({pool})." if reason else f"{name} could have taken it; it was not a matter of turns."
    pools = ", ".join(looked_at) or record["pool"]
    helpers = ", ".join(pool for pool in chain if pool not in looked_at)
    unasked = f", and somebody could take it before {helpers} had to help out" if helpers else ""
    return f"{name} is not in {pools}, where the rule {record['rule']!r} sent this lead{unasked}."


def _chain(record: Mapping[str, Any], policy: Policy) -> tuple[str, ...]:
    """The pools the lead could go to, in the order they are asked."""
    owner = record["lead"].get("owner") or {}
    return chain_of(policy, _rule(record, policy), owner.get("pool", ""))


def _rule(record: Mapping[str, Any], policy: Policy) -> Rule:
    return next(one for one in policy.rules if one.name == record["rule"])


def _outbid(record: Mapping[str, Any], name: str, rep_id: str) -> str:
    """Credits as they stood when the turn was decided: after everybody had earned their share."""
    after, pick = record["credits_after"], record["pick"]
    ahead = (after[pick] + ONE_LEAD - after[rep_id]) / ONE_LEAD
    if ahead:
        return f"{name} could have taken it, and was {ahead:.3f} leads of credit behind."
    return f"{name} could have taken it with the same credit, and had a lead more recently."


def _left_out(record: Mapping[str, Any], policy: Policy, pool: str, row: Mapping[str, Any]) -> str | None:
    at = datetime.fromisoformat(record["at"])
    member = Member(rep_from_row(row, policy, policy.pools[pool]), load=Load(*record["loads"].get(row["id"], (0, 0))))
    team = Team(policy.pools[pool], [member], at)
    needs = Needs.of(_rule(record, policy), team.pool, Facets.from_record(record["lead"]["facets"]))
    listed = team.shortlist(needs)
    asked = frozenset() if record.get("asked_again") else frozenset(record["lead"].get("asked", ()))
    _, left_out = team.eligible(listed, asked)
    reasons = [*listed.left_out.reasons, *(left_out.reasons if left_out else ())]
    return reasons[0] if reasons else None
