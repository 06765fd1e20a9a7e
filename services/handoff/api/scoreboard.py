"""HTTP in: the scoreboard of both teams, as JSON or CSV."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from services.handoff import store
from services.handoff.use_cases.board import follow_facts
from services.handoff.use_cases.policy import parse_agreement
from services.handoff.use_cases.scoreboard import read_scoreboard
from shared.database import Database
from shared.problem import Problem, problems
from shared.security import KeyRing


class Span(BaseModel):
    since: datetime = Field(alias="from")
    to: datetime


class Previous(Span):
    numbers: dict[str, Any]


class Signed(BaseModel):
    hash: str
    applied_at: datetime
    signed_by: list[str]


class MetricLine(BaseModel):
    name: str
    team: str
    unit: str
    definition: str
    version: int
    value: Any
    previous: Any
    promise: int | None
    kept: bool | None


class Row(BaseModel):
    key: str
    label: str
    numbers: dict[str, Any]
    reject_reasons: dict[str, int]


class Debt(BaseModel):
    pool: str
    rep_id: UUID
    name: str
    owed: float
    most_ahead: float
    most_behind: float


class Held(BaseModel):
    under_an_hour: int
    under_four_hours: int
    under_a_day: int
    longer: int
    oldest_seconds: int | None


class Scoreboard(Span):
    """Both teams' numbers from one instant up to another, each with its definition, beside the span before."""

    agreement: Signed
    numbers: dict[str, Any]
    previous: Previous
    metrics: list[MetricLine]
    reject_reasons: dict[str, int]
    by: str | None
    rows: list[Row]
    fairness: list[Debt]
    held: Held


By = Literal["source", "medium", "campaign", "form", "selection", "tier", "pool", "rep"]
MARGIN = timedelta(days=2)
LONGEST = timedelta(days=3660)
FOLLOWED_AT_ONCE = 2000
CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}
WHERE = ", in the company's time zone where it names none"
Since = Annotated[datetime | None, Query(alias="from", description=f"The first instant{WHERE}; 30 days before `to` if left out.")]
Until = Annotated[datetime | None, Query(alias="to", description=f"The instant after the last{WHERE}; now if left out.")]
Version = Annotated[
    str | None,
    Query(pattern="^[0-9a-f]{64}$", description="The hash of an agreement that was applied: count history by its definitions."),
]


def add_scoreboard(router: APIRouter, keys: KeyRing, database: Database) -> None:
    allowed = [Depends(keys.allows("leads:read"))]

    async def read(since: datetime | None, until: datetime | None, by: str | None, version: str | None) -> dict[str, Any]:
        now = datetime.now(UTC)
        async with database.reading() as unit:
            agreement = await store.agreements.version(unit, version)
        if agreement is None:
            raise Problem(404, "There is no agreement of this hash.")
        start, end = _span(since, until, now, parse_agreement(agreement["text"]).company.tz)
        async with database.transaction() as unit:
            await follow_facts(unit, FOLLOWED_AT_ONCE)
        async with database.reading() as unit:
            return await read_scoreboard(unit, agreement, start, end, by, now)

    @router.get(
        "/scoreboard",
        tags=["scoreboard"],
        summary="Both teams' numbers, each with its one definition",
        response_model=Scoreboard,
        responses={**CSV, **problems(404, 422)},
        dependencies=allowed,
    )
    async def get_scoreboard(
        request: Request, since: Since = None, until: Until = None, by: By | None = None, agreement: Version = None
    ) -> Response | dict[str, Any]:
        board = await read(since, until, by, agreement)
        accepted = request.headers.get("accept", "")
        return _csv(board) if "text/csv" in accepted and "json" not in accepted else board

    @router.get(
        "/scoreboard.csv",
        tags=["scoreboard"],
        summary="The same as a table",
        response_class=Response,
        responses={**CSV, **problems(404, 422)},
        dependencies=allowed,
    )
    async def get_scoreboard_csv(
        since: Since = None, until: Until = None, by: By | None = None, agreement: Version = None
    ) -> Response:
        return _csv(await read(since, until, by, agreement))


def _span(since: datetime | None, until: datetime | None, now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    try:
        end = _aware(until, zone) or now + timedelta(seconds=1)
        start = _aware(since, zone) or end - timedelta(days=30)
        if timedelta() < end - start <= LONGEST:
            start - (end - start) - MARGIN, end + MARGIN  # the span before and whole days must be times too, in any zone
            return start, end
    except OverflowError:
        pass
    raise Problem(422, "`from` must be before `to`, and at most ten years.")


def _aware(at: datetime | None, zone: ZoneInfo) -> datetime | None:
    """In UTC: between two times of one zone a day would have 24 hours also where its clock changes."""
    return at if at is None else (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


def _csv(board: dict[str, Any]) -> Response:
    """A line per value of the dimension, the total last; money is a column per currency. Two reps may have one name."""
    by = board["by"] or "scope"
    rows = [*board["rows"], {"key": "", "label": "total", "numbers": board["numbers"]}]
    flat = [{by: row["label"], **({"rep_id": row["key"]} if by == "rep" else {}), **_flat(row["numbers"])} for row in rows]
    columns = list(dict.fromkeys(name for row in flat for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows({name: guarded(value) for name, value in row.items()} for row in flat)
    headers = {"Content-Disposition": 'attachment; filename="scoreboard.csv"'}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _flat(numbers: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in numbers.items():
        if isinstance(value, dict):
            found.update({f"{name}_{currency}": amount for currency, amount in value.items()})
        else:
            found[name] = "" if value is None else value
    return found


def guarded(value: Any) -> Any:
    """A cell that a spreadsheet would take for a formula gets an apostrophe: names of campaigns come from strangers."""
    if isinstance(value, str) and value.lstrip(" \u00a0")[:1] in {"=", "+", "-", "@", "\t", "\r", "\n", "|", "%"}:
        return f"'{value}"
    return value
