"""HTTP in: POST /v1/leads, the ledger. It translates, nothing else; forms and their pages are in pages/."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.responses import Response

from services.intake.adapters.requests import idempotency_key, json_object, media_type_of
from services.intake.api.people import people_routes
from services.intake.settings import Settings
from services.intake.use_cases.answers import RECEIVED, body_schema, received
from services.intake.use_cases.capture import Capture
from services.intake.use_cases.form_book import FormBook
from services.intake.use_cases.guard import Guard
from services.intake.use_cases.ledger import read_ledger
from shared.database import Database
from shared.http import serve_directly
from shared.problem import Problem, problems
from shared.security import KeyRing


def add_routes(app: FastAPI, settings: Settings, capture: Capture, forms: FormBook, guard: Guard, database: Database) -> None:
    @app.post(
        "/v1/leads",
        status_code=202,
        tags=["capture"],
        summary="Hand in a lead",
        openapi_extra=body_schema("application/json"),
        responses={202: RECEIVED, **problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 503)},
    )
    async def post_lead(request: Request) -> Response:
        media_type = media_type_of(request)
        if media_type and media_type != "application/json" and not media_type.endswith("+json"):
            raise Problem(415, "Please send the lead as JSON, with Content-Type: application/json.")
        values = json_object(await request.body())
        form, key = forms.get(values.get("form", "api")), idempotency_key(request)
        if form is None:
            raise Problem(404, "There is no form of this name.")
        held = await guard.admit_software(form, request, values) if guard.watches(form) else None
        evidence = guard.evidence_over_api(form, request) if values.get("consents") else None
        captured = await capture.keep(form, values, now=datetime.now(UTC), idempotency_key=key, held=held, evidence=evidence)
        return received(captured, replayed=captured.repeated and key is not None)

    serve_directly(app, "/v1/leads", post_lead)
    keys = KeyRing(settings.api_key_file, database)
    app.include_router(_operations(keys, database))
    app.include_router(people_routes(keys, database))


def _operations(keys: KeyRing, database: Database) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["operations"], responses=problems(401, 403))
    ops = [Depends(keys.allows("ops"))]

    @router.get(
        "/ledger", summary="Received = waiting + open + closed + merged + quarantined + disqualified + erased", dependencies=ops
    )
    async def get_ledger(
        since: Annotated[datetime | None, Query(alias="from")] = None,
        until: Annotated[datetime | None, Query(alias="to")] = None,
    ) -> dict[str, Any]:
        async with database.reading() as unit:
            return await read_ledger(unit, _utc(since), _utc(until))

    return router


def _utc(moment: datetime | None) -> datetime | None:
    try:
        return moment and (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError as error:
        raise Problem(422, "Please name a time of the years 1 to 9999, as they are in UTC.") from error
