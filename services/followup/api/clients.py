"""HTTP in: a client's calendar, and what only people can tell us of them."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.followup import store
from services.followup.use_cases.pauses import Pauses
from services.followup.use_cases.planning import company_of
from services.followup.use_cases.tell import set_address, set_asset, set_household, set_moved, set_open, set_stopped, set_zone
from shared.database import Database, Transaction
from shared.problem import BODY, Problem, problems
from shared.security import KeyRing


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("write an IANA time zone such as America/New_York")
    return name


def _installed(day: date) -> date:
    if not date(1900, 1, 2) <= day <= datetime.now(UTC).date() + timedelta(days=366):  # 1900-01-01: nobody knows
        raise ValueError("write the day it was installed, after 1900-01-01 and at most a year from now")
    return day


class Moved(Body):
    """They no longer live where we worked."""


class Household(Body):
    """With whom they share a roof; nobody: a household of their own."""

    with_client_id: UUID | None = None


class Zone(Body):
    """Where they are; none: where the company is. The region (a state) decides whose law counts; none: by postal code."""

    zone: Annotated[str, AfterValidator(_zone)] | None = None
    region: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = None


class PostalAddress(Body):
    """Where letters go: the lines below the name."""

    address: Annotated[str, Field(min_length=5, max_length=300, pattern=r"^[^\x00-\x09\x0b-\x1f\x7f]+$")]


class Asset(Body):
    """Something in their house that needs looking after."""

    kind: Annotated[str, Field(pattern="^[a-z][a-z_]{0,40}$")]
    installed_on: Annotated[date, AfterValidator(_installed)]
    warranty_until: date | None = None


class Open(Body):
    """A conversation with a person is open, or over."""

    open: bool
    kind: Literal["conversation.open", "complaint.open", "job.open"] = "conversation.open"


AROUND = timedelta(days=400)
WHERE = ", in the company's time zone where it names none"
Since = Annotated[datetime | None, Query(alias="from", description=f"The first instant{WHERE}; 400 days ago if left out.")]
Until = Annotated[datetime | None, Query(alias="to", description=f"The instant after the last{WHERE}; in 400 days if left out.")]


def client_routes(database: Database, keys: KeyRing, pauses: Pauses) -> APIRouter:
    router = APIRouter(prefix="/v1/clients/{client_id}", tags=["clients"])
    read, write = [Depends(keys.allows("leads:read"))], [Depends(keys.allows("leads:write"))]
    answers = problems(401, 403, 404, *BODY)

    @router.get("/calendar", dependencies=read, responses=answers)
    async def get_calendar(client_id: UUID, since: Since = None, until: Until = None) -> dict[str, Any]:
        """Every touch sent and planned, in UTC and in the client's own time, with the reason of each roll and skip."""
        async with database.reading() as unit:
            client_id = await _known(unit, client_id)
            start, end = _span(since, until, datetime.now(UTC), (await company_of(unit)).tz)
            rows = await store.touches.calendar(unit, client_id, start, end)
        return {"client_id": client_id, "touches": [dict(row) for row in rows]}

    @router.post("/moved", dependencies=write, responses=answers)
    async def post_moved(client_id: UUID, body: Moved) -> dict[str, Any]:
        """Plans that stop when a client moves stop."""
        async with database.transaction() as unit:
            client_id = await _known(unit, client_id)
            return await set_moved(unit, pauses, client_id, datetime.now(UTC))

    @router.post("/stop", dependencies=write, responses=answers)
    async def post_stop(client_id: UUID, body: Moved) -> dict[str, Any]:
        """They asked a person for nothing at all."""
        async with database.transaction() as unit:
            client_id = await _known(unit, client_id)
            return await set_stopped(unit, pauses, client_id, datetime.now(UTC))

    @router.post("/household", dependencies=write, responses=answers)
    async def post_household(client_id: UUID, body: Household) -> dict[str, Any]:
        """A couple is not written to twice."""
        async with database.transaction() as unit:
            client_id = await _known(unit, client_id)
            housemate = await _known(unit, body.with_client_id) if body.with_client_id is not None else None
            return await set_household(unit, pauses, client_id, housemate, datetime.now(UTC))

    @router.post("/zone", dependencies=write, responses=answers)
    async def post_zone(client_id: UUID, body: Zone) -> dict[str, Any]:
        """Their calendar moves to their own clock."""
        async with database.transaction() as unit:
            client_id = await _known(unit, client_id)
            return await set_zone(unit, pauses, client_id, body.zone, body.region, datetime.now(UTC))

    @router.post("/address", dependencies=write, responses=answers)
    async def post_address(client_id: UUID, body: PostalAddress) -> dict[str, Any]:
        """A hand-signed card is the touch people keep."""
        async with database.transaction() as unit:
            client_id = await _known(unit, client_id)
            return await set_address(unit, pauses, client_id, body.address, datetime.now(UTC))

    @router.post("/assets", dependencies=write, responses=answers)
    async def post_asset(client_id: UUID, body: Asset) -> dict[str, Any]:
        """Reminders count from the day it was installed."""
        async with database.transaction() as unit:
            client_id = await _known(unit, client_id)
            return await set_asset(unit, pauses, {"client_id": client_id, **body.model_dump()}, datetime.now(UTC))

    @router.post("/holds", dependencies=write, responses=answers)
    async def post_hold(client_id: UUID, body: Open) -> dict[str, Any]:
        """A person is talking to them: plans wait until it is over."""
        async with database.transaction() as unit:
            client_id = await _known(unit, client_id)
            return await set_open(unit, pauses, client_id, body.kind, datetime.now(UTC), open=body.open)

    return router


async def _known(unit: Transaction, client_id: UUID) -> UUID:
    """Their id today: whoever asks may know them by the one they had before a merge."""
    row = await store.clients.find(unit, client_id)
    if row is None or row["erased"]:
        raise Problem(404, "There is no client of this id.")
    return UUID(str(row["id"]))


def _span(since: datetime | None, until: datetime | None, now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    try:
        start, end = _aware(since, zone) or now - AROUND, _aware(until, zone) or now + AROUND
    except OverflowError:
        start = end = now
    if start >= end:
        raise Problem(422, "`from` must be before `to`, and both between the years 1 and 9999.")
    return start, end


def _aware(at: datetime | None, zone: ZoneInfo) -> datetime | None:
    return at if at is None else (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
