"""An agreement looked over before anybody signs it, together with the people who are here."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.handoff import store
from services.handoff.domain.lint import Finding, cut_off, lint
from services.handoff.domain.people import rep_from_row
from services.handoff.use_cases.policy import compile_policy, parse_new
from shared.agreement import hash_of, parse
from shared.database import Transaction

Rosters = Mapping[str, Sequence[Mapping[str, Any]]]


async def people_of(unit: Transaction, text: str, since: datetime) -> dict[str, list[dict[str, Any]]]:
    """Who would be in the pools of this agreement, with their time off since then."""
    pools = parse(text).pools
    everyone = [name for name, pool in pools.items() if pool.everyone]
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in pools}
    for row in await store.pools.members(unit, everyone, [name for name in pools if name not in everyone], since):
        if row["state"] != "left":
            found[row["pool"]].append(store.pools.roster_row(row))
    return found


def lint_text(text: str, rosters: Rosters | None) -> list[str]:
    """A line per finding: where, and a sentence. Raises AgreementError where it cannot be read at all."""
    agreement = parse_new(text)
    policy = compile_policy(agreement, hash_of(text))
    people, reps = None, dict[str, Mapping[str, Any]]()
    if rosters is not None:
        reps = {row["id"]: row for rows in rosters.values() for row in rows}
        people = {name: [rep_from_row(row, policy, policy.pools[name]) for row in rows] for name, rows in rosters.items()}
    found = lint(policy, agreement.territories, agreement.selections, people)
    found += cut_off(reps.values(), agreement.territories, agreement.holidays)
    return [f"{_place(text, one)}: {one.sentence}" for one in found]


def _place(text: str, finding: Finding) -> str:
    """The heading or key of the part, with its line."""
    name = re.escape(finding.name)
    wanted = {
        "rules": rf"^\s*name\s*=\s*[\"']{name}[\"']",
        "territories": rf"^\s*[\"']?{name}[\"']?\s*=|^\s*\[territories\.[\"']?{name}",
    }.get(finding.section, rf"^\s*\[{finding.section}\.[\"']?{name}[\"']?\]")
    lines = (number for number, line in enumerate(text.splitlines(), 1) if re.search(wanted, line))
    line = next(lines, None)
    where = f"{finding.section}.{finding.name}"
    return f"line {line}, {where}" if line else where
