"""HTTP in: POST /v1/leads, the ledger, the score. It translates, nothing else; forms and their pages are in pages/."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import Response

from services.intake.adapters.requests import idempotency_key, json_object, media_type_of
from services.intake.settings import Settings
from services.intake.store import submissions
from services.intake.use_cases.answers import RECEIVED, body_schema, received
from services.intake.use_cases.capture import Capture
from services.intake.use_cases.form_book import FormBook
from services.intake.use_cases.scores import explain_score
from shared.database import Database
from shared.http import Problem, problems, serve_directly
from shared.security import KeyRing


def add_routes(app: FastAPI, settings: Settings, capture: Capture, forms: FormBook, database: Database) -> None:
    @app.post(
        "/v1/leads",
        status_code=202,
        tags=["capture"],
        summary="Hand in a lead",
        openapi_extra=body_schema("application/json"),
        responses={202: RECEIVED, **problems(400, 404, 413, 415, 422, 503)},
    )
    async def post_lead(request: Request) -> Response:
        media_type = media_type_of(request)
        if media_type and media_type != "application/json" and not media_type.endswith("+json"):
            raise Problem(415, "Please send the lead as JSON, with Content-Type: application/json.")
        values = json_object(await request.body())
        form, key = forms.get(values.get("form", "api")), idempotency_key(request)
        if form is None:
            raise Problem(404, "There is no form of this name.")
        captured = await capture.keep(form, values, now=datetime.now(UTC), idempotency_key=key)
        return received(captured, replayed=captured.repeated and key is not None)

    serve_directly(app, "/v1/leads", post_lead)
    app.include_router(_private(settings, database))


def _private(settings: Settings, database: Database) -> APIRouter:
    keys = KeyRing(settings.api_key_file, database)
    router = APIRouter(prefix="/v1", tags=["operations"], responses=problems(401, 403))
    ops, reader = [Depends(keys.allows("ops"))], [Depends(keys.allows("leads:read"))]

    @router.get(
        "/ledger", summary="Received = waiting + open + closed + merged + quarantined + disqualified + erased", dependencies=ops
    )
    async def get_ledger() -> dict[str, Any]:
        async with database.reading() as unit:
            return {
                "leads": _ledger(await submissions.ledger(unit, test=False)),
                "test": _ledger(await submissions.ledger(unit, test=True)),
            }

    @router.get("/leads/{lead_id}/score", summary="Every point of a lead's score", responses=problems(404), dependencies=reader)
    async def get_score(lead_id: UUID) -> dict[str, Any]:
        async with database.reading() as unit:
            found = await explain_score(unit, lead_id, datetime.now(UTC))
        if found is None:
            raise Problem(404, "There is no lead of this id.")
        return found

    return router


STATES = ("waiting", "open", "closed", "merged", "quarantined", "disqualified", "erased")


def _ledger(rows: Any) -> dict[str, Any]:
    """The sums, and the equation by form and hour."""
    places: dict[tuple[str, datetime], dict[str, int]] = {}
    for row in rows:
        places.setdefault((row["form"], row["hour"]), dict.fromkeys(STATES, 0))[row["state"]] += row["n"]
    total = {state: sum(place[state] for place in places.values()) for state in STATES}
    by = [{"form": form, "hour": hour, "received": sum(n.values()), **n} for (form, hour), n in places.items()]
    return {"received": sum(total.values()), **total, "by_form_and_hour": by}
