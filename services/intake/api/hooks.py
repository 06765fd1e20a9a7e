"""HTTP in: what senders post to their endpoint."""

from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from services.intake.adapters.senders.post import Post
from services.intake.use_cases.hear_sender import Endpoints, NotVerified, UnknownEndpoint
from shared.problem import Problem, problems

BODY: dict[str, Any] = {
    "requestBody": {
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "application/x-www-form-urlencoded": {"schema": {"type": "object"}},
            "multipart/form-data": {"schema": {"type": "object"}},
        }
    }
}
ANSWER = {
    "description": "Kept",
    "content": {"application/json": {"example": {"status": "received", "lead_ids": ["01a20dc7-5a75-70ac-a800-894d64175f28"]}}},
}


def add_routes(app: FastAPI, endpoints: Endpoints, base_url: str) -> None:
    async def read(request: Request) -> Post:
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        headers = {name.lower(): value for name, value in request.headers.items()}
        return Post(request.method, base_url + path, headers, request.query_params, await request.body(), datetime.now(UTC))

    @app.post(
        "/hooks/{endpoint}",
        tags=["capture"],
        summary="What a sender's webhook posts",
        openapi_extra=BODY,
        responses={200: ANSWER, **problems(401, 404, 413, 503)},
    )
    async def post_hook(request: Request, endpoint: str) -> Response:
        try:
            kept = await endpoints.hear(endpoint, await read(request))
        except UnknownEndpoint as error:
            raise Problem(404, "There is nothing at this address.") from error
        except NotVerified as error:
            raise Problem(401, "The signature or key of this post is not the endpoint's.") from error
        ids = [str(lead_id) for lead_id in kept]
        return JSONResponse({"status": "received", "lead_ids": ids} | ({"lead_id": ids[0]} if ids else {}))

    @app.get(
        "/hooks/{endpoint}",
        tags=["capture"],
        summary="Meta's handshake",
        response_class=PlainTextResponse,
        responses=problems(403, 404, 503),
    )
    async def get_hook(request: Request, endpoint: str) -> Response:
        try:
            return PlainTextResponse(await endpoints.handshake(endpoint, request.query_params))
        except UnknownEndpoint as error:
            raise Problem(404, "There is nothing at this address.") from error
        except NotVerified as error:
            raise Problem(
                403, "The handshake needs hub.mode=subscribe, the agreed hub.verify_token and a hub.challenge."
            ) from error
