"""HTTP in: a client's calendar."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, Query

from services.followup import store
from services.followup.settings import Settings
from shared.database import Database
from shared.http import Problem, problems
from shared.security import KeyRing


def add_routes(app: FastAPI, settings: Settings, database: Database) -> None:
    router = APIRouter(prefix="/v1", dependencies=[Depends(KeyRing(settings.api_key_file, database).allows("leads:read"))])

    @router.get("/clients/{client_id}/calendar", tags=["clients"], responses=problems(401, 403, 404, 422))
    async def get_calendar(
        client_id: UUID,
        since: Annotated[datetime | None, Query(alias="from")] = None,
        until: Annotated[datetime | None, Query(alias="to")] = None,
    ) -> dict[str, Any]:
        """Every touch sent and planned, with the reason of each skip."""
        now = datetime.now(UTC)
        since, until = _aware(since) or now - timedelta(days=400), _aware(until) or now + timedelta(days=400)
        async with database.reading() as unit:
            if await store.clients.find(unit, client_id) is None:
                raise Problem(404, "There is no client of this id.")
            rows = await store.touches.calendar(unit, client_id, since, until)
        return {"client_id": client_id, "touches": [dict(row) for row in rows]}

    app.include_router(router)


def _aware(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at
