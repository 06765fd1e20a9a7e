"""HTTP in: the people who sell, for an HR system or an admin page."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Request, Response
from pydantic import BaseModel, ConfigDict

from services.handoff import store
from services.handoff.api.cursors import Cursor, Limit, link_next
from services.handoff.use_cases import people
from services.handoff.use_cases.people import PeopleError
from services.handoff.use_cases.rep_changes import NewRep, RepChanges, Time
from shared.database import Database, Transaction
from shared.problem import BODY, Problem, problems
from shared.security import KeyRing


class TimeAway(BaseModel):
    starts_at: datetime
    ends_at: datetime
    reason: str


class RepAnswer(BaseModel):
    """A rep. Nothing set: can do everything, everywhere, at any time, without a limit."""

    id: UUID
    name: str
    email: str
    state: str
    paused_until: datetime | None
    pools: dict[str, int]
    skills: list[str]
    languages: list[str]
    licences: list[str]
    territories: list[str]
    zone: str
    hours: dict[str, list[str]]
    holidays: str
    max_open: int | None
    max_per_day: int | None
    manager: bool
    on_call: bool
    away: list[TimeAway]
    open_leads: int


class Reps(BaseModel):
    items: list[RepAnswer]
    next_cursor: UUID | None


class Pause(BaseModel):
    model_config = ConfigDict(extra="forbid")

    until: Time | None = None


def add_reps(router: APIRouter, keys: KeyRing, database: Database) -> None:
    _add_reading(router, keys, database)
    writing = APIRouter(prefix="/reps", tags=["reps"], dependencies=[Depends(keys.allows("reps:write"))])

    async def do(work: Callable[[Transaction], Awaitable[Any]]) -> Any:
        try:
            async with database.transaction() as unit:
                found = await work(unit)
        except PeopleError as error:
            raise Problem(409, str(error)) from error
        if found is None:
            raise Problem(404, "There is no rep of this id.")
        return dict(found)

    @writing.post("", status_code=201, summary="Add a rep", response_model=RepAnswer, responses=problems(409, *BODY))
    async def post_rep(given: NewRep) -> Any:
        async def add(unit: Transaction) -> Any:
            return await store.people.rep(unit, await people.add_rep(unit, given, datetime.now(UTC)))

        return await do(add)

    found_or_not = problems(404, 409, *BODY)

    @writing.patch("/{rep_id}", summary="Change a rep; null clears", response_model=RepAnswer, responses=found_or_not)
    async def patch_rep(rep_id: UUID, given: RepChanges) -> Any:
        return await do(lambda unit: people.change_rep(unit, rep_id, given))

    @writing.post("/{rep_id}/pause", summary="No new leads", response_model=RepAnswer, responses=found_or_not)
    async def pause_rep(rep_id: UUID, given: Annotated[Pause, Body(default_factory=Pause)]) -> Any:
        return await do(lambda unit: people.pause_rep(unit, rep_id, given.until))

    @writing.post("/{rep_id}/resume", summary="New leads again", response_model=RepAnswer, responses=found_or_not)
    async def resume_rep(rep_id: UUID) -> Any:
        return await do(lambda unit: people.resume_rep(unit, rep_id))

    @writing.post(
        "/{rep_id}/leave",
        summary="Gone for good: open leads go to others; call again while open_leads is not 0",
        response_model=RepAnswer,
        responses=found_or_not,
    )
    async def leave_rep(rep_id: UUID) -> Any:
        return await do(lambda unit: people.leave(unit, rep_id, datetime.now(UTC)))

    router.include_router(writing)


def _add_reading(router: APIRouter, keys: KeyRing, database: Database) -> None:
    reading = APIRouter(prefix="/reps", tags=["reps"], dependencies=[Depends(keys.allows("leads:read"))])

    @reading.get("", summary="The people who sell", responses=problems(422))
    async def list_reps(request: Request, response: Response, cursor: Cursor = None, limit: Limit = 50) -> Reps:
        async with database.reading() as unit:
            rows = await store.people.reps_after(unit, cursor, limit + 1)
        items = [RepAnswer.model_validate(dict(row)) for row in rows[:limit]]
        page = Reps(items=items, next_cursor=items[-1].id if len(rows) > limit else None)
        link_next(request, response, page.next_cursor)
        return page

    @reading.get("/{rep_id}", summary="A rep", response_model=RepAnswer, responses=problems(404, 422))
    async def get_rep(rep_id: UUID) -> Any:
        async with database.reading() as unit:
            found = await store.people.rep(unit, rep_id)
        if found is None:
            raise Problem(404, "There is no rep of this id.")
        return dict(found)

    router.include_router(reading)
