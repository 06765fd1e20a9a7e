"""HTTP in: assignments and what reps do with them, leads with their journey, the scoreboard."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Depends, FastAPI, Query
from pydantic import BaseModel, ConfigDict, Field

from services.handoff import store
from services.handoff.domain.lifecycle import Illegal
from services.handoff.settings import Settings
from services.handoff.use_cases.advance import advance, end_assignment
from services.handoff.use_cases.route import route
from shared import events
from shared.database import Database, Transaction
from shared.http import Problem, problems
from shared.security import KeyRing

ERRORS = problems(401, 404, 409, 413, 422)
STATES = "^(offered|accepted|active|closed|declined|expired|withdrawn)$"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Nothing(Strict):
    pass


class Reason(Strict):
    reason: str = Field(default="", max_length=200, pattern="^[^\\x00]*$")


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


def add_routes(app: FastAPI, settings: Settings, database: Database) -> None:
    router = APIRouter(prefix="/v1", dependencies=[Depends(KeyRing(settings.api_key_file))])
    _add_assignments(router, database)
    _add_commands(router, database)
    _add_leads(router, database)
    app.include_router(router)


def _add_assignments(router: APIRouter, database: Database) -> None:
    @router.get("/assignments", tags=["assignments"], summary="Who has which lead", responses=problems(401, 422))
    async def list_assignments(
        lead_id: UUID | None = None,
        rep_id: UUID | None = None,
        state: Annotated[str | None, Query(pattern=STATES)] = None,
        cursor: UUID | None = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> Assignments:
        async with database.reading() as unit:
            rows = await store.assignments(unit, lead_id=lead_id, rep_id=rep_id, state=state, after=cursor, limit=limit + 1)
        items = [Assignment(**row) for row in rows[:limit]]
        return Assignments(items=items, next_cursor=items[-1].assignment_id if len(rows) > limit else None)


def _add_commands(router: APIRouter, database: Database) -> None:
    async def command(assignment_id: UUID, name: str, details: BaseModel) -> Assignment:
        async with database.transaction() as unit:
            return await _command(unit, assignment_id, name, details.model_dump(exclude_none=True), datetime.now(UTC))

    def route_for(path: str, name: str, body: type[BaseModel], summary: str) -> None:
        async def handle(assignment_id: UUID, details: Annotated[Any, Body()]) -> Assignment:
            return await command(assignment_id, name, details)

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
    route_for("recycle", "recycled", Reason, "Back to marketing")


async def _command(unit: Transaction, assignment_id: UUID, name: str, details: dict[str, Any], now: datetime) -> Assignment:
    found = await store.assignment(unit, assignment_id)
    if found is None:
        raise Problem(404, "There is no assignment of this id.")
    lead = await store.lock_lead(unit, found["lead_id"])
    found = await store.assignment(unit, assignment_id)  # as it is under the lock
    if name == "declined":
        await _decline(unit, lead, found, details.get("reason", ""), now)
    elif found["state"] in ("declined", "expired", "withdrawn"):
        raise Problem(409, f"This assignment is {found['state']}: the lead is no longer with this rep.")
    else:
        try:
            await advance(unit, lead, name, details, now)
        except Illegal as error:
            raise Problem(409, str(error)) from error
    row = await store.assignment(unit, assignment_id)
    return Assignment(assignment_id=row["id"], **{key: row[key] for key in Assignment.model_fields if key != "assignment_id"})


async def _decline(unit: Transaction, lead: Any, assignment: Any, reason: str, now: datetime) -> None:
    if assignment["state"] == "declined":
        return
    if assignment["state"] != "offered":
        raise Problem(409, f"This assignment is {assignment['state']}: only an offer can be declined.")
    await end_assignment(unit, assignment, events.AssignmentDeclined, "declined", reason, now)
    await route(unit, [lead], now)


def _add_leads(router: APIRouter, database: Database) -> None:
    @router.get("/leads/{lead_id}", tags=["leads"], summary="A lead, its decision, its journey", responses=problems(401, 404))
    async def get_lead(lead_id: UUID) -> dict[str, Any]:
        async with database.reading() as unit:
            lead = await store.lead(unit, lead_id)
            journey = await store.journey(unit, lead_id)
            if lead is None and not journey:
                raise Problem(404, "There is no lead of this id.")
            assignments = await store.assignments_of(unit, lead_id)
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

    @router.get("/scoreboard", tags=["scoreboard"], summary="Both teams' numbers", responses=problems(401, 422))
    async def get_scoreboard(
        since: Annotated[datetime | None, Query(alias="from")] = None,
        until: Annotated[datetime | None, Query(alias="to")] = None,
    ) -> dict[str, Any]:
        until = _aware(until) or datetime.now(UTC) + timedelta(seconds=1)
        since = _aware(since) or until - timedelta(days=30)
        async with database.reading() as unit:
            rows, revenue = await store.scoreboard(unit, since, until), await store.revenue(unit, since, until)
        leads = {row["type"].removeprefix(events.PREFIX).removesuffix(events.VERSION): row["leads"] for row in rows}
        return {
            "from": since,
            "to": until,
            "numbers": {name: leads.get(kind, 0) for name, kind in NUMBERS.items()},
            "revenue": {row["currency"]: Decimal(row["amount"]) for row in revenue},
        }


NUMBERS = {
    "hand_raises": "lead.opened",
    "mql": "lead.qualified",
    "offered": "assignment.offered",
    "sal": "assignment.accepted",
    "contacted": "lead.contacted",
    "sales_qualified": "lead.sales_qualified",
    "won": "lead.won",
    "lost": "lead.lost",
    "clients": "client.created",
    "touches_sent": "touch.sent",
}


def _aware(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at
