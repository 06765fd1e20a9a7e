"""The answers every door gives, and what OpenAPI says of them."""

from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.responses import Response

from services.intake.store.receipts import Captured
from services.intake.use_cases.capture import Invalid, KeyBusy, KeyReused
from shared.group_commit import Overloaded
from shared.http import ReadyJson
from shared.problem import Problem

LEAD_SCHEMA = {
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
RECEIVED = {
    "description": "Stored; the second step follows",
    "content": {"application/json": {"example": {"lead_id": "01a20dc7-5a75-70ac-a800-894d64175f28", "status": "received"}}},
}


def body_schema(*media_types: str) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {name: {"schema": LEAD_SCHEMA} for name in media_types}}}


def received(captured: Captured, *, replayed: bool = False, redirect_url: str | None = None) -> Response:
    headers = [(b"idempotent-replayed", b"true")] if replayed else ()
    if redirect_url is None:
        return ReadyJson(b'{"lead_id":"%s","status":"received"}' % str(captured.lead_id).encode(), 202, headers)
    told = {"lead_id": str(captured.lead_id), "status": "received", "redirect_url": redirect_url}
    return ReadyJson(orjson.dumps(told), 202, headers)


def refusal(error: Invalid | KeyReused | KeyBusy | Overloaded) -> Response:
    """What capturing refuses, as a problem."""
    if isinstance(error, Invalid):
        listed = [{"field": one.field, "code": one.code, "detail": one.detail} for one in error.errors]
        return Problem(422, error.errors[0].detail, errors=listed).response()
    if isinstance(error, KeyReused):
        detail = "This Idempotency-Key was used for another lead. Please use a new key for a new lead."
        return Problem(422, detail, errors=[]).response()
    if isinstance(error, KeyBusy):
        detail = "The first request with this Idempotency-Key is still being stored. Please send this again in a second."
        return Problem(409, detail, {"Retry-After": "1"}).response()
    return Problem(503, "We are busy. Please send this again in a few seconds.", {"Retry-After": "2"}).response()


def install(app: FastAPI) -> None:
    async def answer(_: Request, error: Any) -> Response:
        return refusal(error)

    for refused in (Invalid, KeyReused, KeyBusy, Overloaded):
        app.add_exception_handler(refused, answer)
