"""The pages behind the other links of a mail: send us somebody, ask for the next service, say how it was."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse

from services.followup import store
from services.followup.adapters.numbers import e164
from services.followup.pages.tokens import Links, Typed, page
from services.followup.use_cases.consent import Addresses
from services.followup.use_cases.pauses import Pauses
from services.followup.use_cases.planning import company_of
from services.followup.use_cases.relationship import LOW, hear_satisfaction, receive_referral, request_maintenance
from shared import events
from shared.database import Database, Transaction
from shared.problem import Problem, page_or_problem, problems

MAX_REFERRALS = 10  # of one client in a day: it is a favour, not a form for everybody


def relationship_routes(database: Database, links: Links, addresses: Addresses, pauses: Pauses) -> APIRouter:
    router = APIRouter(tags=["relationship"], default_response_class=HTMLResponse)

    @router.get("/r/{token}", responses=problems(404))
    async def look_at_referral(token: str) -> HTMLResponse:
        links.of_touch(token)
        return page("referral.html", done=False, problem="", name="", phone="", message="", company="")

    @router.post("/r/{token}", responses=problems(404, 410) | page_or_problem(422))
    async def refer(
        token: str,
        name: Annotated[str, Form(max_length=100), Typed] = "",
        phone: Annotated[str, Form(max_length=40), Typed] = "",
        message: Annotated[str, Form(max_length=2000), Typed] = "",
    ) -> HTMLResponse:
        client_id, touch_id = links.of_touch(token)
        async with database.transaction() as unit:
            touch, client, company = await _known(unit, client_id, touch_id)
            number, now = e164(phone, company.country), datetime.now(UTC)
            ref = f"referral:{client['id']}:{addresses.sealed(number or '')}"
            problem = ""
            if number is None or not name.strip():
                problem = "This isn't a valid phone number." if name.strip() else "Please enter their name."
            elif await store.inbound.others(unit, "referred", client["id"], ref, now - timedelta(days=1)) >= MAX_REFERRALS:
                problem = f"You have sent us {MAX_REFERRALS} people in a day: thank you. Please send us the next one tomorrow."
            if problem:
                return page("referral.html", 422, done=False, problem=problem, name=name, phone=phone, message=message)
            first, _, last = " ".join(name.split()).partition(" ")
            contact = events.Contact(first_name=first, last_name=last, phone=number)
            await receive_referral(unit, client["id"], touch["lead_id"], contact, message, ref, now)
        return page("referral.html", done=True, company=company.name)

    @router.get("/m/{token}", responses=problems(404, 410))
    async def look_at_maintenance(token: str) -> HTMLResponse:
        async with database.reading() as unit:
            _, _, company = await _known(unit, *links.of_touch(token))
        return page("maintenance.html", done=False, company=company.name)

    @router.post("/m/{token}", responses=problems(404, 410))
    async def accept_maintenance(token: str) -> HTMLResponse:
        async with database.transaction() as unit:
            touch, client, company = await _known(unit, *links.of_touch(token))
            await request_maintenance(unit, touch, client["id"], touch["anchors"].get("trade", ""), datetime.now(UTC))
        return page("maintenance.html", done=True, company=company.name)

    @router.get("/s/{token}", responses=problems(404))
    async def look_at_satisfaction(token: str) -> HTMLResponse:
        links.of_touch(token)
        return page("satisfaction.html", done=False)

    @router.post("/s/{token}", responses=problems(404, 410, 422))
    async def answer(
        token: str, score: Annotated[int, Form(ge=1, le=5)], words: Annotated[str, Form(max_length=2000), Typed] = ""
    ) -> HTMLResponse:
        async with database.transaction() as unit:
            touch, client, _ = await _known(unit, *links.of_touch(token))
            await hear_satisfaction(unit, pauses, touch, client, score, words, datetime.now(UTC))
        return page("satisfaction.html", done=True, low=score <= LOW)

    return router


async def _known(unit: Transaction, client_id: UUID, touch_id: UUID) -> tuple[Any, Any, Any]:
    """The touch and its client as they are today; who asked to be forgotten is gone."""
    touch = await store.inbound.touch(unit, touch_id)
    client = await store.clients.lock(unit, touch["client_id"] if touch else client_id)
    if touch is None or client is None or client["erased"]:
        raise Problem(410, "This link has had its day. Please answer our last mail instead.")
    return touch, client, await company_of(unit)
