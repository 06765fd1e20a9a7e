"""A stored decision made again, from nothing but its record, the agreement and the rosters it names."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.handoff.domain.credit import CATCH_UP, Load, Member
from services.handoff.domain.people import rep_from_row
from services.handoff.domain.policy import Policy
from services.handoff.domain.record import FLAGS
from services.handoff.domain.routing import Lead, Outcome, Owner, decide
from services.handoff.domain.rules import Facets
from services.handoff.domain.team import Team

Rows = Sequence[Mapping[str, Any]]


def decide_again(record: Mapping[str, Any], policy: Policy, rosters: Mapping[str, Rows]) -> Outcome:
    """What the decision should have been. Equal records: nothing was changed, and the code decides as it did."""
    teams = {name: _team(record, name, rosters[key], policy) for name, key in record["rosters"].items()}
    return decide(policy, teams, _lead(record["lead"], policy), datetime.fromisoformat(record["at"]))


def _team(record: Mapping[str, Any], name: str, rows: Rows, policy: Policy) -> Team:
    """Who earned stands in the record with their credit; who was away and did not, had caught up already."""
    chosen = name == record["pool"]
    credits = record.get("credits_before", {}) if chosen else {}
    turns = _turns(record) if chosen else {}
    loads = record["loads"]
    pool = policy.pools[name]
    members = [
        Member(rep_from_row(row, policy, pool), credits.get(row["id"], CATCH_UP), turns.get(row["id"], 0), _load(loads, row))
        for row in rows
    ]
    turn = record["turn"] - (record["pick"] is not None) if chosen else 0
    return Team(pool, members, datetime.fromisoformat(record["at"]), turn, record["rosters"][name])


def _turns(record: Mapping[str, Any]) -> dict[str, int]:
    """When each was last served, as far as it counted."""
    credits, turns = record.get("credits_before", {}), record.get("last_turns")
    in_turn = dict(zip(sorted(credits), turns, strict=True)) if turns else {}
    return {**in_turn, **record.get("on_duty", {})}


def _load(loads: Mapping[str, list[int]], row: Mapping[str, Any]) -> Load:
    return Load(*loads.get(row["id"], (0, 0)))


def _lead(found: Mapping[str, Any], policy: Policy) -> Lead:
    owner = found.get("owner")
    return Lead(
        facets=Facets.from_record(found["facets"]),
        since=datetime.fromisoformat(found["since"]),
        hash=found["hash"],
        asked=frozenset(found.get("asked", ())),
        tries=found["tries"],
        **{name: True for name in FLAGS if found.get(name)},
        owner=owner_of(owner["rep"], owner["pool"], policy) if owner else None,
    )


def owner_of(row: Mapping[str, Any], pool: str, policy: Policy) -> Owner:
    """Where the pool is gone, any other tells the owner's zone."""
    known = policy.pools.get(pool) or next(iter(policy.pools.values()))
    return Owner(row, rep_from_row(row, policy, known), pool)


def roster_hash(rows: Rows) -> str:
    return hashlib.sha256(json.dumps(rows, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
