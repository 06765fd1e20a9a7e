"""The unsubscribe page and the preferences behind it: looking changes nothing, pressing a button does."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse

from services.followup import store
from services.followup.pages.tokens import Links, page
from services.followup.use_cases.consent import Addresses, unsubscribe
from services.followup.use_cases.pauses import Pauses
from services.followup.use_cases.preferences import LEVELS, choice_of, set_preferences, unsubscribe_unknown
from shared.database import Database
from shared.problem import Problem, problems


def unsubscribe_routes(database: Database, links: Links, addresses: Addresses, pauses: Pauses, *, texts: bool) -> APIRouter:
    channels = ("email", "sms") if texts else ("email",)
    router = APIRouter(tags=["unsubscribe"], default_response_class=HTMLResponse)

    @router.head("/u/{token}", include_in_schema=False)
    @router.get("/u/{token}", responses=problems(404))
    async def look(token: str) -> HTMLResponse:
        links.of_client(token)
        return page("unsubscribe.html", done=False, token=token)

    @router.post("/u/{token}", responses=problems(404))
    async def stop(token: str) -> HTMLResponse:
        """RFC 8058: no login, no cookie, no redirect, and a second time does no harm. The body is not asked for."""
        client_id, channel = links.of_client(token)
        async with database.transaction() as unit:
            client = await store.clients.lock(unit, client_id)
            if client is not None:
                await unsubscribe(unit, addresses, client, channel, datetime.now(UTC))
            else:
                await unsubscribe_unknown(unit, addresses, client_id, channel, datetime.now(UTC))
        return page("unsubscribe.html", done=True, token=token)

    @router.get("/u/{token}/preferences", responses=problems(404, 410))
    async def look_at_preferences(token: str) -> HTMLResponse:
        client_id, channel = links.of_client(token)
        async with database.reading() as unit:
            client = await store.clients.find(unit, client_id)
            if client is None or client["erased"]:
                raise Problem(410, "We have forgotten you, as you asked: there is nothing to set any more.")
            has_phone = texts and bool(client["contact"].get("phone"))
            offered = sorted(channels if has_phone else ["email"], key=lambda one: one != channel)  # the link's own first
            level, channel = await choice_of(unit, addresses, client, offered, datetime.now(UTC))
        return page("preferences.html", done=False, levels=LEVELS, level=level, channel=channel, has_phone=has_phone)

    @router.post("/u/{token}/preferences", responses=problems(404, 410, 422))
    async def save_preferences(
        token: str, level: Annotated[str, Form(max_length=20)] = "", channel: Annotated[str, Form(max_length=10)] = "email"
    ) -> HTMLResponse:
        client_id, _ = links.of_client(token)
        if level not in {name for name, _, _ in LEVELS} or channel not in channels:
            raise Problem(422, "Please choose one of the answers on the page.")
        async with database.transaction() as unit:
            client = await store.clients.lock(unit, client_id)
            if client is None or client["erased"]:
                raise Problem(410, "We have forgotten you, as you asked: there is nothing to set any more.")
            await set_preferences(unit, addresses, pauses, client, level, channel, datetime.now(UTC))
        return page("preferences.html", done=True)

    return router
