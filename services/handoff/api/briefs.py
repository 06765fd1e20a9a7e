"""HTTP in: what a rep should know before they call."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from services.handoff.use_cases.brief import is_theirs, load_briefs
from services.handoff.use_cases.policy import current_agreement
from shared.database import Database, Transaction
from shared.problem import Problem, problems
from shared.security import Caller, KeyRing


class TriedBefore(BaseModel):
    at: datetime
    what: str


class BriefAnswer(BaseModel):
    """About the client: who they are, their own words, what they were promised, what to ask, what not to do."""

    assignment_id: UUID
    lead_id: UUID
    state: str
    tier: str
    answer_by: datetime
    reach_by: datetime | None
    first_name: str
    last_name: str
    phone: str | None
    email: str | None
    postal_code: str | None
    known_client: bool
    selection: str
    own_words: str
    answers: dict[str, str]
    source: str
    campaign: str
    form: str
    referred: bool
    promise: str
    tried: list[TriedBefore]
    ask: list[str]
    do_not: list[str]
    agreed: list[str]
    also_gave: list[tuple[str, str]]


def add_briefs(router: APIRouter, keys: KeyRing, database: Database) -> None:
    @router.get(
        "/assignments/{assignment_id}/brief",
        tags=["assignments"],
        summary="What the rep should know about the client",
        response_model=BriefAnswer,
        responses=problems(404, 422),
    )
    async def get_brief(
        assignment_id: UUID, caller: Annotated[Caller, Depends(keys.allows("leads:read", for_reps=True))]
    ) -> dict[str, Any]:
        async with database.reading() as unit:
            found = await read_brief(unit, assignment_id, rep_id=caller.rep_id)
        if found is None:
            raise Problem(404, "There is no assignment of this id.")
        return found


async def read_brief(unit: Transaction, assignment_id: UUID, *, rep_id: UUID | None = None) -> dict[str, Any] | None:
    """None where there is none, or none for this rep: another's, or no longer theirs."""
    agreement = await current_agreement(unit)
    offer, brief = (await load_briefs(unit, agreement, [assignment_id])).get(assignment_id, (None, None))
    if offer is None or brief is None:
        return None
    if rep_id is not None and not (offer["rep_id"] == rep_id and is_theirs(offer)):
        return None
    names = ("assignment_id", "lead_id", "state", "tier")
    clocks = {"answer_by": offer["expires_at"], "reach_by": offer["touch_by"]}
    return {**asdict(brief), **{name: offer[name] for name in names}, **clocks}
