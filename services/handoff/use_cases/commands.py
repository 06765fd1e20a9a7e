"""What a rep says to an assignment, by the API or from a page: the same path, the same answers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.handoff import store
from services.handoff.domain.lifecycle import Illegal
from services.handoff.use_cases.advance import advance, end_assignment
from services.handoff.use_cases.policy import current_agreement
from services.handoff.use_cases.reasons import agreed_reason
from services.handoff.use_cases.route import lock_for_routing, route
from shared import events
from shared.database import Transaction

GONE = ("declined", "expired", "withdrawn")


async def command_assignment(
    unit: Transaction, assignment_id: UUID, name: str, details: Mapping[str, Any], now: datetime, *, rep_id: UUID | None = None
) -> Any:
    """Take an assignment's lead to a step. Returns the assignment as it is then, None where there is none (for this rep).

    Raises Illegal, and NotListed for a reason that is none of the agreed ones. A repeat changes nothing.
    """
    found = await store.assignments.assignment(unit, assignment_id)
    if found is None or rep_id not in (None, found["rep_id"]):
        return None
    if "reason" in details:
        details = {**details, "reason": agreed_reason(await current_agreement(unit), name, details["reason"])}
    if name == "declined":
        await lock_for_routing(unit, [found["lead_id"]], now)
    lead = await store.leads.lock_this_lead(unit, found["lead_id"])
    found = await store.assignments.assignment(unit, assignment_id)  # as it is under the lock
    if name == "declined":
        await _decline(unit, lead, found, str(details.get("reason") or ""), now)
    elif found["state"] in GONE:
        raise Illegal(f"This assignment is {found['state']}: the lead is no longer with this rep.")
    else:
        active = await store.assignments.active_assignment(unit, lead["id"])
        if active is not None and active["id"] != assignment_id:
            raise Illegal("This assignment is closed, and the lead is with another one now.")
        await advance(unit, lead, name, details, now)
    return await store.assignments.assignment(unit, assignment_id)


async def _decline(unit: Transaction, lead: Any, assignment: Any, reason: str, now: datetime) -> None:
    if assignment["state"] == "declined":
        return
    if assignment["state"] != "offered":
        raise Illegal(f"This assignment is {assignment['state']}: only an offer can be declined.")
    await end_assignment(unit, assignment, events.AssignmentDeclined, "declined", reason, now)
    await route(unit, [lead], now)
