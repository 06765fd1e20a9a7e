"""What goes wrong on our side for a moment is told as such: software may try again, and nothing was done."""

import asyncpg
import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from shared import http
from shared.problem import Problem


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (asyncpg.DeadlockDetectedError("one of two"), 503),
        (asyncpg.ConnectionDoesNotExistError("it went away"), 503),
        (asyncpg.TooManyConnectionsError("full"), 503),
        (ConnectionRefusedError(111, "not there"), 503),
        (TimeoutError(), 503),
        (asyncpg.UniqueViolationError("a bug"), 500),
        (asyncpg.InterfaceError("the connection is closed"), 503),
        (ValueError("a bug"), 500),
        (Problem(404, "There is no such thing."), 404),
        (HTTPException(405), 405),
    ],
)
@pytest.mark.parametrize("path", ["/v1/thing", "/v1/direct"])
async def test_what_goes_wrong_is_a_problem_at_every_door(path: str, error: Exception, status: int) -> None:
    app = FastAPI()
    http.install(app)
    app.add_middleware(http.Edge, direct=app.state.direct)

    @app.post("/v1/thing")
    async def thing(_: Request) -> Response:
        raise error

    http.serve_directly(app, "/v1/direct", thing)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://maple.example") as client:
        answer = await client.post(path)
    assert (answer.status_code, answer.headers.get("retry-after")) == (status, "5" if status == 503 else None)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
