"""Agreements, people and leads that exist only in memory, for tests of decisions."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from services.handoff.domain.credit import Member
from services.handoff.domain.people import rep_from_row
from services.handoff.domain.policy import Policy
from services.handoff.domain.replay import owner_of, roster_hash
from services.handoff.domain.routing import Lead
from services.handoff.domain.rules import facets_of
from services.handoff.domain.team import Team
from services.handoff.use_cases.policy import policy_of

NOW = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)  # a Wednesday
BASE = """
[selections.estimate]
intent = 45
[tiers.P1]
accept_within_minutes = 2
touch_within_minutes = 5
clock = "always"
after_hours = "on_call"
[tiers.P2]
accept_within_minutes = 5
touch_within_minutes = 15
sticky_grace_minutes = 15
[tiers.P3]
accept_within_minutes = 30
touch_within_minutes = 60
"""
HOURS = '[pools.team]\neveryone = true\nzone = "America/New_York"\nhours = { mon-fri = ["09:00-17:00"] }\n'
RULE = '[[rules]]\nname = "everybody"\npool = "team"\n'
NIGHT = NOW + timedelta(hours=12)  # Wednesday 22:00 in New York
TEAM = '[pools.team]\neveryone = true\n[[rules]]\nname = "everybody"\npool = "team"\n'


def policy(more: str = TEAM) -> Policy:
    return policy_of(BASE + more)


def uid(number: int) -> str:
    return str(UUID(int=number))


def rep(number: int, **more: Any) -> dict[str, Any]:
    """A row of a roster."""
    return {"id": uid(number), "name": f"Rep{number}", **more}


def team(found: Policy, rows: Sequence[dict[str, Any]], name: str = "team", at: datetime = NOW, **credits: int) -> Team:
    pool = found.pools[name]
    ordered = sorted(rows, key=lambda row: str(row["id"]))
    members = [Member(rep_from_row(row, found, pool), credits.get(row["name"], 0)) for row in ordered]
    return Team(pool, members, at, 0, roster_hash(ordered))


def lead(found: Policy, tier: str = "P2", since: datetime = NOW, **more: Any) -> Lead:
    """`contact`, `answers`, `selection`, `form`, `attribution`, `referred_by` are marketing's; the rest is the decision's."""
    snapshot: dict[str, Any] = {"contact": {}, "selection": "estimate"}
    for name in ("contact", "answers", "selection", "form", "attribution", "referred_by"):
        if name in more:
            snapshot[name] = more.pop(name)
    if "owner" in more:
        row, pool = more.pop("owner")
        more["owner"] = owner_of(row, pool, found)
    return Lead(facets_of(found, snapshot, tier), since, **more)
