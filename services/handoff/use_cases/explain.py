"""Why this rep, and why not that one: each attempt in one sentence, and what stood in a rep's way at that moment."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.handoff import store
from services.handoff.domain.explain import why_not
from services.handoff.use_cases.policy import policy_of
from services.handoff.use_cases.route import plan_routes
from shared.database import Transaction


async def explain_lead(unit: Transaction, lead_id: UUID, rep_id: UUID | None) -> list[str]:
    """A line per attempt, oldest first; with a rep, what each decision says of them. Empty: there is no such lead."""
    lead = await store.leads.lead(unit, lead_id)
    if lead is None:
        return []
    attempts = sorted(await store.assignments.assignments_of(unit, lead_id), key=lambda row: row["attempt"])
    found = []
    for row in attempts:
        record = row["decision"]
        found.append(f"{row['offered_at']:%F %T} UTC, attempt {row['attempt']}: {record['sentence']}")
        if rep_id is not None:
            found.append(f"  {await _about(unit, record, rep_id)}")
    if lead["state"] == "held":
        held = await store.facts.last(unit, lead_id, "lead.held") or {}
        found.append(f"Held since {lead['held_since']:%F %T} UTC: {held.get('reason', '')}")
    return found or [f"This lead is {lead['state']} and was offered to nobody."]


async def explain_now(unit: Transaction, lead_id: UUID, rep_id: UUID, now: datetime) -> list[str]:
    """What stands in a rep's way where a lead is held: it is decided once more, and nothing of it is kept."""
    lead = await store.leads.lead(unit, lead_id)
    if lead is None or lead["state"] != "held":
        return []
    async with unit.trial():
        plan = await plan_routes(unit, [lead], now)
        records = [outcome.record for row, outcome in plan.decided if row["id"] == lead_id]
        found = [f"  Asked now: {await _about(unit, record, rep_id)}" for record in records]
    return found


async def _about(unit: Transaction, record: Mapping[str, Any], rep_id: UUID) -> str:
    rep = await store.people.rep(unit, rep_id)
    rosters = await store.pools.rosters(unit, record.get("rosters", {}).values())
    texts = await store.agreements.texts(unit, [record["agreement"]])
    text = texts.get(record["agreement"])
    return why_not(record, policy_of(text) if text else None, rosters, str(rep_id), rep["name"] if rep else "This rep")
