"""Every stored decision is made again from its record: agreement, rosters, credits and the lead as it was seen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from services.handoff import store
from services.handoff.domain.record import VERSION, hash_of_record
from services.handoff.domain.replay import decide_again, roster_hash
from services.handoff.domain.routing import HelpNeeded
from services.handoff.use_cases.policy import policy_of
from services.handoff.use_cases.seal import sealed
from shared.database import Transaction

CHUNK = 100  # the database ends a transaction that is silent for 5 s
OTHERWISE = "comes out otherwise when it is made again"


@dataclass(slots=True)
class Findings:
    checked: int = 0
    wrong: list[tuple[UUID, str]] = field(default_factory=list)


async def verify_decisions(unit: Transaction) -> Findings:
    """All of them, a chunk at a time."""
    findings, last = Findings(), None
    while rows := await store.assignments.decisions(unit, last, CHUNK):
        records = [row["decision"] for row in rows]
        rosters = await store.pools.rosters(unit, {key for one in records for key in one.get("rosters", {}).values()})
        texts = await store.agreements.texts(unit, {one["agreement"] for one in records})
        sound = {key: reps for key, reps in rosters.items() if roster_hash(reps) == key}
        for row in rows:
            findings.checked += 1
            if problem := problem_with(row["decision"], texts, sound):
                findings.wrong.append((row["id"], problem))
        last = rows[-1]["id"]
    return findings


def problem_with(record: Mapping[str, Any], texts: Mapping[str, str], rosters: Mapping[str, Any]) -> str | None:
    """What is wrong with a decision, as the end of a sentence; None where nothing is."""
    if hash_of_record(record) != record["hash"]:
        return "was changed after it was made"
    if record.get("version") != VERSION:
        return None  # made before decisions kept their inputs: its hash is all there is
    if record["agreement"] not in texts:
        return "names an agreement that is not kept"
    if not rosters.keys() >= set(record["rosters"].values()):
        return "names a roster that is not kept or was changed"
    try:
        again = decide_again(record, policy_of(texts[record["agreement"]]), rosters)
    except HelpNeeded:  # the decision did not look that far
        return OTHERWISE
    return None if sealed(again.record) == record else OTHERWISE
