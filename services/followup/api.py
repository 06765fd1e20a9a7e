"""HTTP in: one-click unsubscribe, and a client's calendar."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, Query
from fastapi.responses import HTMLResponse

from services.followup import store
from services.followup.pages import unsubscribe_page
from services.followup.settings import Settings
from services.followup.use_cases.consent import Addresses, unsubscribe
from shared.database import Database
from shared.http import Problem, problems
from shared.security import KeyRing, Signer

_PRIVATE = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}


def add_routes(app: FastAPI, settings: Settings, database: Database, signer: Signer, addresses: Addresses) -> None:
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
            client = await unit.row("SELECT * FROM client WHERE id = $1 FOR UPDATE", client_id)
            if client is not None:
                await unsubscribe(unit, addresses, client, channel, datetime.now(UTC))
        return HTMLResponse(unsubscribe_page(done=True), headers=_PRIVATE)

    router = APIRouter(prefix="/v1", dependencies=[Depends(KeyRing(settings.api_key_file))])

    @router.get("/clients/{client_id}/calendar", tags=["clients"], responses=problems(401, 404, 422))
    async def get_calendar(
        client_id: UUID,
        since: Annotated[datetime | None, Query(alias="from")] = None,
        until: Annotated[datetime | None, Query(alias="to")] = None,
    ) -> dict[str, Any]:
        """Every touch sent and planned, with the reason of each skip."""
        now = datetime.now(UTC)
        since, until = _aware(since) or now - timedelta(days=400), _aware(until) or now + timedelta(days=400)
        async with database.reading() as unit:
            if await store.client(unit, client_id) is None:
                raise Problem(404, "There is no client of this id.")
            rows = await store.calendar(unit, client_id, since, until)
        return {"client_id": client_id, "touches": [dict(row) for row in rows]}

    app.include_router(router)


def _aware(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at
