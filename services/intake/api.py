"""HTTP in: POST /v1/leads, POST /f/{form}, the ledger. It translates, nothing else."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from prometheus_client import Counter
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException

from services.intake import store
from services.intake.domain.forms import FORMS, FieldError
from services.intake.domain.submissions import Submission
from services.intake.pages import form_page, thanks_page
from services.intake.settings import Settings
from services.intake.store import Captured
from services.intake.use_cases.capture import Invalid, read_submission
from shared.database import Database
from shared.group_commit import GroupCommit, Overloaded
from shared.http import Problem, problems
from shared.security import KeyRing

SUBMISSIONS = Counter("lead_submissions_total", "Answers to submissions", ["form", "outcome"])
REDIRECT_FIELDS = ("_redirect", "_next", "retURL", "return_url")
_PATH = re.compile(r"/(?![/\\])[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*", re.ASCII)
_KEY = re.compile(r'"?([\x21\x23-\x7e]{1,255})"?', re.ASCII)
_LEAD_SCHEMA = {
    "type": "object",
    "additionalProperties": True,
    "properties": {
        "form": {"type": "string", "default": "api"},
        **{name: {"type": "string"} for name in ("first_name", "last_name", "phone", "email", "selection", "message")},
        **{name: {"type": "string"} for name in ("postal_code", "external_id")},
        "consents": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["channel", "granted"],
                "properties": {
                    "channel": {"type": "string"},
                    "purpose": {"type": "string"},
                    "granted": {"type": "boolean"},
                    "text": {"type": "string"},
                },
            },
        },
        "attribution": {"type": "object", "additionalProperties": {"type": "string"}},
        "test": {"type": "boolean", "default": False},
    },
    "example": {
        "first_name": "Ada",
        "last_name": "Byron",
        "phone": "(419) 555-2001",
        "email": "ada@example.net",
        "selection": "estimate",
        "message": "The tap drips.",
        "attribution": {"utm_source": "google"},
    },
}
_RECEIVED = {
    "description": "Stored; the second step follows",
    "content": {"application/json": {"example": {"lead_id": "01a20dc7-5a75-70ac-a800-894d64175f28", "status": "received"}}},
}


def _body(*media_types: str) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {name: {"schema": _LEAD_SCHEMA} for name in media_types}}}


class Door:
    """Reads a request, stores it by group commit, and answers in the language of the sender."""

    def __init__(self, settings: Settings, capture: GroupCommit[Submission, Captured]) -> None:
        self.settings, self.capture = settings, capture

    async def post_lead(self, request: Request) -> Response:
        media_type = _media_type(request)
        if media_type and media_type != "application/json" and not media_type.endswith("+json"):
            raise Problem(415, "Please send the lead as JSON, with Content-Type: application/json.")
        values = _json_object(await request.body())
        form = values.get("form", "api")
        if not isinstance(form, str) or form not in FORMS:
            raise Problem(404, "There is no form of this name.")
        key = _idempotency_key(request)
        try:
            captured = await self._keep(form, values, key)
        except Invalid as error:
            raise _invalid(error.errors) from error
        return self._received(captured, replayed=captured.repeated and key is not None)

    async def post_form(self, request: Request, form: str) -> Response:
        if form not in FORMS:
            raise Problem(404, "There is no form of this name.")
        values = await _form_values(request)
        wants_json = _wants_json(request)
        try:
            captured = await self._keep(form, values, _idempotency_key(request))
        except Invalid as error:
            if wants_json:
                raise _invalid(error.errors) from error
            return HTMLResponse(form_page(FORMS[form], values, error.errors), 422)
        if wants_json:
            return self._received(captured)
        return RedirectResponse(_return_to(values, form), 303)

    async def _keep(self, form: str, values: Mapping[str, Any], key: str | None) -> Captured:
        try:
            submission = read_submission(
                form, values, region=self.settings.phone_region, now=datetime.now(UTC), idempotency_key=key
            )
        except Invalid:
            SUBMISSIONS.labels(form, "invalid").inc()
            raise
        try:
            captured = await self.capture.submit(submission)
        except Overloaded as error:
            SUBMISSIONS.labels(form, "overloaded").inc()
            raise Problem(503, "We are busy. Please send this again in a few seconds.", {"Retry-After": "2"}) from error
        if captured.conflict:
            raise Problem(422, "This Idempotency-Key was used for another lead. Please use a new key for a new lead.")
        SUBMISSIONS.labels(form, "repeated" if captured.repeated else "received").inc()
        return captured

    def _received(self, captured: Captured, *, replayed: bool = False) -> Response:
        headers = {"Idempotent-Replayed": "true"} if replayed else None
        body = b'{"lead_id":"%s","status":"received"}' % str(captured.lead_id).encode()
        return Response(body, 202, headers, "application/json")


def add_routes(app: FastAPI, settings: Settings, capture: GroupCommit[Submission, Captured], database: Database) -> None:
    door = Door(settings, capture)

    @app.post(
        "/v1/leads",
        status_code=202,
        tags=["capture"],
        summary="Hand in a lead",
        openapi_extra=_body("application/json"),
        responses={202: _RECEIVED, **problems(400, 404, 413, 415, 422, 503)},
    )
    async def post_lead(request: Request) -> Response:
        return await door.post_lead(request)

    @app.post(
        "/f/{form}",
        status_code=303,
        tags=["capture"],
        summary="What a web form posts",
        openapi_extra=_body("application/x-www-form-urlencoded", "multipart/form-data", "application/json"),
        responses={
            202: _RECEIVED,
            303: {"description": "Stored; to the thank-you page"},
            **problems(400, 404, 413, 415, 422, 503),
        },
    )
    async def post_form(request: Request, form: str) -> Response:
        return await door.post_form(request, form)

    @app.get("/f/{form}", tags=["capture"], summary="The form as a page", response_class=HTMLResponse)
    async def get_form(form: str) -> HTMLResponse:
        if form not in FORMS:
            raise Problem(404, "There is no form of this name.")
        return HTMLResponse(form_page(FORMS[form], {}, []))

    @app.get("/f/{form}/thanks", tags=["capture"], summary="Thank you", response_class=HTMLResponse)
    async def get_thanks(form: str) -> HTMLResponse:
        return HTMLResponse(thanks_page())

    app.include_router(_private(settings, database))


def _private(settings: Settings, database: Database) -> APIRouter:
    router = APIRouter(prefix="/v1", dependencies=[Depends(KeyRing(settings.api_key_file))], tags=["operations"])

    @router.get("/ledger", summary="Received = waiting + open + closed + merged + quarantined + disqualified + erased")
    async def get_ledger() -> dict[str, Any]:
        async with database.reading() as unit:
            return {
                "leads": _ledger(await store.ledger(unit, test=False)),
                "test": _ledger(await store.ledger(unit, test=True)),
            }

    @router.get("/leads/{lead_id}/score", summary="Every point of a lead's score", responses=problems(401, 404))
    async def get_score(lead_id: UUID) -> dict[str, Any]:
        async with database.reading() as unit:
            lead, lines = await store.lead(unit, lead_id), await store.score_lines(unit, lead_id)
        if lead is None:
            raise Problem(404, "There is no lead of this id.")
        return {
            "lead_id": lead_id,
            "score": lead["score"],
            "tier": lead["tier"],
            "points": [dict(line) for line in lines],
        }

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


def _invalid(errors: list[FieldError]) -> Problem:
    listed = [{"field": error.field, "code": error.code, "detail": error.detail} for error in errors]
    return Problem(422, errors[0].detail, errors=listed)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        values = orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise Problem(400, f"The body is not valid JSON: {str(error)[:200]}.") from error
    if not isinstance(values, dict):
        raise Problem(422, "Please send one JSON object.")
    return values


async def _form_values(request: Request) -> dict[str, Any]:
    """The fields of a form; a field given more than once keeps all its values as a list."""
    media_type = _media_type(request)
    if media_type == "application/json":
        return _json_object(await request.body())
    if media_type == "application/x-www-form-urlencoded" or not media_type:
        pairs = _urlencoded(await request.body())
    elif media_type == "multipart/form-data":
        pairs = await _multipart(request)
    else:
        raise Problem(415, "Please send the form urlencoded, as multipart/form-data or as JSON.")
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            earlier = values[name]
            values[name] = [*earlier, value] if isinstance(earlier, list) else [earlier, value]
        else:
            values[name] = value
    return values


def _urlencoded(body: bytes) -> list[tuple[str, str]]:
    try:
        text = body.decode("utf-8")
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=200)
    except UnicodeDecodeError:
        try:  # old sites post in their own encoding; a name in it is better than a lost lead
            return parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="cp1252", max_num_fields=200)
        except (ValueError, UnicodeError) as error:
            raise Problem(400, "The form could not be read. Please send it as UTF-8.") from error
    except ValueError as error:
        raise Problem(422, "Please send at most 200 fields.") from error


async def _multipart(request: Request) -> list[tuple[str, str]]:
    try:
        async with request.form(max_files=0, max_fields=200) as form:
            return [(name, value) for name, value in form.multi_items() if not isinstance(value, UploadFile)]
    except MultiPartException as error:
        raise Problem(400, f"The form could not be read: {error.message}") from error


def _idempotency_key(request: Request) -> str | None:
    given = request.headers.get("idempotency-key")
    if given is None:
        return None
    if not (found := _KEY.fullmatch(given.strip())):
        raise Problem(400, "An Idempotency-Key has 1 to 255 visible characters.")
    return found[1]


def _wants_json(request: Request) -> bool:
    accept = request.headers.get("accept", "")
    return _media_type(request) == "application/json" or ("json" in accept and "html" not in accept)


def _return_to(values: Mapping[str, Any], form: str) -> str:
    """An address of this site or of an allowed host; anything else is ignored: no open redirect."""
    for name in REDIRECT_FIELDS:
        wanted = values.get(name)
        if isinstance(wanted, str) and len(wanted) < 2000:
            if _PATH.fullmatch(wanted):
                return wanted
            if any(
                wanted.startswith(f"https://{host}/") and _PATH.fullmatch(wanted[8 + len(host) :])
                for host in FORMS[form].return_hosts
            ):
                return wanted
    return f"/f/{form}/thanks"
