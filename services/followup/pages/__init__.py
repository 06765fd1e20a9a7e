"""The unsubscribe page: looking changes nothing, pressing the button does."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.followup import store
from services.followup.use_cases.consent import Addresses, unsubscribe
from shared.database import Database
from shared.http import Problem, problems
from shared.security import Signer

_PRIVATE = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}

_templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined)


def unsubscribe_page(*, done: bool) -> str:
    return _templates.get_template("unsubscribe.html").render(done=done)


def add_routes(app: FastAPI, database: Database, signer: Signer, addresses: Addresses) -> None:
    def read(token: str) -> tuple[UUID, str]:
        content = signer.open(token)
        if content is None:
            raise Problem(404, "This link is not one of ours. Please use the link in the mail.")
        client_id, _, channel = content.partition(":")
        return UUID(client_id), channel

    @app.get("/u/{token}", tags=["unsubscribe"], response_class=HTMLResponse, responses=problems(404))
    async def look(token: str) -> HTMLResponse:
        read(token)
        return HTMLResponse(unsubscribe_page(done=False), headers=_PRIVATE)

    @app.post("/u/{token}", tags=["unsubscribe"], response_class=HTMLResponse, responses=problems(404))
    async def stop(token: str) -> HTMLResponse:
        """RFC 8058: no login, no cookie, no redirect, and a second time does no harm."""
        client_id, channel = read(token)
        async with database.transaction() as unit:
            client = await store.clients.lock(unit, client_id)
            if client is not None:
                await unsubscribe(unit, addresses, client, channel, datetime.now(UTC))
        return HTMLResponse(unsubscribe_page(done=True), headers=_PRIVATE)
