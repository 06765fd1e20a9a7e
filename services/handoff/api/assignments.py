"""HTTP in: who has which lead, and what reps do with their assignments."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from services.handoff import store
from services.handoff.api.cursors import Cursor, Limit, link_next
from services.handoff.domain.lifecycle import Illegal
from services.handoff.use_cases.commands import command_assignment
from services.handoff.use_cases.reasons import NotListed
from shared import events
from shared.database import Database, Transaction
from shared.problem import BODY, Problem, problems
from shared.security import Caller, KeyRing

ERRORS = problems(404, 409, *BODY)
STATES = "^(offered|accepted|active|closed|declined|expired|withdrawn)$"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Nothing(Strict):
    pass


class Reason(Strict):
    reason: str = Field(default="", max_length=200, pattern="^[^\\x00]*$")


class Recycle(Reason):
    """Back to marketing, who may look again at a time."""

    revisit_at: AwareDatetime | None = None


class Won(Strict):
    amount: events.Amount
    currency: events.Currency


class Proposed(Strict):
    options: int | None = Field(default=None, ge=1, le=100)
    amount: events.Amount | None = None
    currency: events.Currency | None = None


class Assignment(BaseModel):
    assignment_id: UUID
    lead_id: UUID
    rep_id: UUID
    attempt: int
    state: str
    offered_at: datetime
    expires_at: datetime | None


class Assignments(BaseModel):
    items: list[Assignment]
    next_cursor: UUID | None


def add_assignments(router: APIRouter, keys: KeyRing, database: Database) -> None:
    @router.get("/assignments", tags=["assignments"], summary="Who has which lead", responses=problems(422))
    async def list_assignments(
        request: Request,
        response: Response,
        caller: Annotated[Caller, Depends(keys.allows("leads:read", for_reps=True))],
        lead_id: UUID | None = None,
        rep_id: UUID | None = None,
        state: Annotated[str | None, Query(pattern=STATES)] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Assignments:
        if caller.rep_id is not None:
            if rep_id not in (None, caller.rep_id):
                return Assignments(items=[], next_cursor=None)
            rep_id = caller.rep_id
        async with database.reading() as unit:
            rows = await store.assignments.assignments(
                unit, lead_id=lead_id, rep_id=rep_id, state=state, after=cursor, limit=limit + 1
            )
        items = [Assignment(**row) for row in rows[:limit]]
        page = Assignments(items=items, next_cursor=items[-1].assignment_id if len(rows) > limit else None)
        link_next(request, response, page.next_cursor)
        return page


def add_commands(router: APIRouter, keys: KeyRing, database: Database) -> None:
    allowed = keys.allows("assignments:write", for_reps=True)

    def route_for(path: str, name: str, body: type[BaseModel], summary: str) -> None:
        async def handle(
            assignment_id: UUID, caller: Annotated[Caller, Depends(allowed)], details: Annotated[Any, Body()]
        ) -> Assignment:
            given = details.model_dump(exclude_none=True)
            async with database.transaction() as unit:
                return await _command(unit, caller, assignment_id, name, given, datetime.now(UTC))

        handle.__annotations__["details"] = Annotated[body, Body(default_factory=body)] if body is Nothing else body
        router.add_api_route(
            f"/assignments/{{assignment_id}}/{path}",
            handle,
            methods=["POST"],
            tags=["assignments"],
            summary=summary,
            operation_id=f"{name}_assignment",
            response_model=Assignment,
            responses=ERRORS,
        )

    route_for("accept", "accepted", Nothing, "The rep takes the lead")
    route_for("decline", "declined", Reason, "The rep does not take it; the next one is asked")
    route_for("contacted", "contacted", Nothing, "The client was reached")
    route_for("sales-qualified", "sales_qualified", Nothing, "Sales confirms the need")
    route_for("proposed", "proposed", Proposed, "Options were put to the client")
    route_for("won", "won", Won, "The client chose us")
    route_for("lost", "lost", Reason, "The client chose otherwise")
    route_for("recycle", "recycled", Recycle, "Back to marketing")


async def _command(
    unit: Transaction, caller: Caller, assignment_id: UUID, name: str, details: dict[str, Any], now: datetime
) -> Assignment:
    try:
        row = await command_assignment(unit, assignment_id, name, details, now, rep_id=caller.rep_id)
    except Illegal as error:
        raise Problem(409, str(error)) from error
    except NotListed as error:
        raise Problem(422, str(error)) from error
    if row is None:
        raise Problem(404, "There is no assignment of this id.")
    return as_assignment(row)


def as_assignment(row: Any) -> Assignment:
    return Assignment(assignment_id=row["id"], **{key: row[key] for key in Assignment.model_fields if key != "assignment_id"})
