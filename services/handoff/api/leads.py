"""HTTP in: a lead as sales knows it, with its decision, its brief and its journey; and what is decided by hand."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Depends
from pydantic import BaseModel, ConfigDict, Field

from services.handoff import store
from services.handoff.api.assignments import Assignment, Reason, as_assignment
from services.handoff.api.briefs import BriefAnswer, read_brief
from services.handoff.domain.lifecycle import Illegal
from services.handoff.use_cases import manual
from services.handoff.use_cases.commands import GONE
from shared.database import Database, Transaction
from shared.problem import BODY, Problem, problems
from shared.security import Caller, KeyRing

NO_LEAD = "There is no lead of this id."


class Happening(BaseModel):
    """`unit`: who said it: intake, handoff, followup, or a CRM."""

    type: str
    at: datetime
    unit: str
    data: dict[str, Any]


class LeadAnswer(BaseModel):
    """`decision`: why this rep, and not another. `journey`: what happened in all three units, oldest first."""

    lead_id: UUID
    state: str
    tier: str | None
    owner: UUID | None
    owner_name: str | None
    merged_into: UUID | None
    contact: dict[str, Any] | None
    message: str | None
    decision: dict[str, Any] | None
    brief: BriefAnswer | None
    journey: list[Happening]


class Reassign(BaseModel):
    model_config = ConfigDict(extra="forbid")

    rep_id: UUID
    reason: str = Field(default="", max_length=200, pattern="^[^\\x00]*$")


class Claim(BaseModel):
    model_config = ConfigDict(extra="forbid")

    rep_id: UUID | None = None


def add_leads(router: APIRouter, keys: KeyRing, database: Database) -> None:
    @router.get(
        "/leads/{lead_id}",
        tags=["leads"],
        summary="A lead, its decision, its journey",
        response_model=LeadAnswer,
        responses=problems(404, 422),
    )
    async def get_lead(
        lead_id: UUID, caller: Annotated[Caller, Depends(keys.allows("leads:read", for_reps=True))]
    ) -> dict[str, Any]:
        async with database.reading() as unit:
            lead = await store.leads.lead(unit, lead_id)
            assignments = await store.assignments.assignments_of(unit, lead_id)
            if caller.rep_id is not None and not _is_with(caller.rep_id, lead, assignments):
                raise Problem(404, NO_LEAD)
            journey = await store.facts.journey(unit, lead_id)
            if lead is None and not journey:
                raise Problem(404, NO_LEAD)
            described = await _described(unit, lead, assignments)
            return {"lead_id": lead_id, **described, "journey": [_happening(row) for row in journey]}


def _is_with(rep_id: UUID, lead: Any, assignments: Sequence[Any]) -> bool:
    """Whether a rep has the lead, or had it last and closed it: nobody took it back from them."""
    return bool(assignments) and lead["owner_id"] == rep_id and assignments[0]["state"] not in GONE


async def _described(unit: Transaction, lead: Any, assignments: Sequence[Any]) -> dict[str, Any]:
    brief = await read_brief(unit, assignments[0]["id"]) if assignments else None
    names = await store.people.names(unit) if lead and lead["owner_id"] else {}
    return {
        "state": lead["state"] if lead else "unknown",
        "tier": lead["tier"] if lead else None,
        "owner": lead["owner_id"] if lead else None,
        "owner_name": names.get(str(lead["owner_id"])) if lead else None,
        "merged_into": lead["merged_into"] if lead else None,
        "contact": lead["snapshot"].get("contact") if lead else None,
        "message": lead["snapshot"].get("message") if lead else None,
        "decision": assignments[0]["decision"] if assignments else None,
        "brief": brief,
    }


def _happening(row: Any) -> dict[str, Any]:
    return {"type": row["type"], "at": row["at"], "unit": row["source"].strip("/"), "data": row["data"]}


def add_manual(router: APIRouter, keys: KeyRing, database: Database) -> None:
    """By hand: the same path and the same record as every decision, and nobody's credit pays."""
    managing = [Depends(keys.allows("assignments:write"))]
    claiming = keys.allows("assignments:write", for_reps=True)
    responses = problems(404, 409, *BODY)
    tags: list[str | Enum] = ["leads"]

    async def do(work: Callable[[Transaction], Awaitable[Any]]) -> Assignment:
        try:
            async with database.transaction() as unit:
                row = await work(unit)
        except Illegal as error:
            raise Problem(409, str(error)) from error
        if row is None:
            raise Problem(404, NO_LEAD)
        return as_assignment(row)

    @router.post(
        "/leads/{lead_id}/reassign", tags=tags, summary="Give it to another rep", responses=responses, dependencies=managing
    )
    async def reassign_lead(lead_id: UUID, given: Reassign) -> Assignment:
        return await do(lambda unit: manual.reassign(unit, lead_id, given.rep_id, given.reason, datetime.now(UTC)))

    @router.post(
        "/leads/{lead_id}/withdraw",
        tags=tags,
        summary="Take it back; the rules choose again",
        responses=responses,
        dependencies=managing,
    )
    async def withdraw_lead(lead_id: UUID, given: Annotated[Reason, Body(default_factory=Reason)]) -> Assignment:
        return await do(lambda unit: manual.withdraw(unit, lead_id, given.reason, datetime.now(UTC)))

    @router.post("/leads/{lead_id}/claim", tags=tags, summary="A rep takes a lead that is nobody's", responses=responses)
    async def claim_lead(
        lead_id: UUID, caller: Annotated[Caller, Depends(claiming)], given: Annotated[Claim, Body(default_factory=Claim)]
    ) -> Assignment:
        rep_id = caller.rep_id or given.rep_id
        if rep_id is None or given.rep_id not in (None, rep_id):
            raise Problem(422, "Say who claims it, as rep_id; a rep's own key claims for that rep.")
        return await do(lambda unit: manual.claim(unit, lead_id, rep_id, datetime.now(UTC)))
