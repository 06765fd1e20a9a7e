"""What goes wrong on our side for a moment is told as such: software may try again, and nothing was done."""

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from shared import http


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
    ],
)
async def test_what_may_work_in_a_moment_is_answered_with_503(error: Exception, status: int) -> None:
    app = FastAPI()
    http.install(app)

    @app.post("/v1/thing")
    async def thing() -> None:
        raise error

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://maple.example") as client:
        answer = await client.post("/v1/thing")
    assert (answer.status_code, answer.headers.get("retry-after")) == (status, "5" if status == 503 else None)
    assert answer.headers["content-type"] == "application/problem+json"
