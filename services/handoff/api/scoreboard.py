"""HTTP in: the scoreboard of both teams."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from services.handoff import store
from shared import events
from shared.database import Database
from shared.http import problems
from shared.security import KeyRing


def add_scoreboard(router: APIRouter, keys: KeyRing, database: Database) -> None:
    @router.get(
        "/scoreboard",
        tags=["scoreboard"],
        summary="Both teams' numbers",
        responses=problems(422),
        dependencies=[Depends(keys.allows("leads:read"))],
    )
    async def get_scoreboard(
        since: Annotated[datetime | None, Query(alias="from")] = None,
        until: Annotated[datetime | None, Query(alias="to")] = None,
    ) -> dict[str, Any]:
        until = _aware(until) or datetime.now(UTC) + timedelta(seconds=1)
        since = _aware(since) or until - timedelta(days=30)
        async with database.reading() as unit:
            rows, revenue = await store.facts.scoreboard(unit, since, until), await store.facts.revenue(unit, since, until)
        leads = {row["type"].removeprefix(events.PREFIX).removesuffix(events.VERSION): row["leads"] for row in rows}
        return {
            "from": since,
            "to": until,
            "numbers": {name: leads.get(kind, 0) for name, kind in NUMBERS.items()},
            "revenue": {row["currency"]: Decimal(row["amount"]) for row in revenue},
        }


NUMBERS = {
    "hand_raises": "lead.opened",
    "mql": "lead.qualified",
    "offered": "assignment.offered",
    "sal": "assignment.accepted",
    "contacted": "lead.contacted",
    "sales_qualified": "lead.sales_qualified",
    "won": "lead.won",
    "lost": "lead.lost",
    "clients": "client.created",
    "touches_sent": "touch.sent",
}


def _aware(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at
