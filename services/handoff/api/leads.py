"""HTTP in: a lead as sales knows it, with its decision and its journey."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends

from services.handoff import store
from shared.database import Database
from shared.http import Problem, problems
from shared.security import Caller, KeyRing


def add_leads(router: APIRouter, keys: KeyRing, database: Database) -> None:
    @router.get("/leads/{lead_id}", tags=["leads"], summary="A lead, its decision, its journey", responses=problems(404))
    async def get_lead(
        lead_id: UUID, caller: Annotated[Caller, Depends(keys.allows("leads:read", for_reps=True))]
    ) -> dict[str, Any]:
        async with database.reading() as unit:
            lead = await store.leads.lead(unit, lead_id)
            if caller.rep_id is not None and (lead is None or lead["owner_id"] != caller.rep_id):
                raise Problem(404, "There is no lead of this id.")
            journey = await store.facts.journey(unit, lead_id)
            if lead is None and not journey:
                raise Problem(404, "There is no lead of this id.")
            assignments = await store.assignments.assignments_of(unit, lead_id)
        return {
            "lead_id": lead_id,
            "state": lead["state"] if lead else "unknown",
            "tier": lead["tier"] if lead else None,
            "owner": lead["owner_id"] if lead else None,
            "contact": lead["snapshot"].get("contact") if lead else None,
            "message": lead["snapshot"].get("message") if lead else None,
            "decision": assignments[0]["decision"] if assignments else None,
            "journey": [
                {"type": row["type"], "at": row["at"], "unit": row["source"].strip("/"), "data": row["data"]} for row in journey
            ],
        }
