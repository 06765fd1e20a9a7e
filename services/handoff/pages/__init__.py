"""What a rep sees behind the links in their mails. Looking changes nothing, pressing a button does."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.handoff import store
from services.handoff.adapters.links import Links
from services.handoff.domain.brief import local_time
from services.handoff.domain.lifecycle import Illegal
from services.handoff.use_cases.brief import is_theirs, load_briefs, zone_of
from services.handoff.use_cases.commands import command_assignment
from services.handoff.use_cases.policy import current_agreement
from shared.database import Database, storable
from shared.problem import Problem, page_or_problem, problems

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_templates.filters["local"] = local_time
PRIVATE = {
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'",
}
COMMANDS = {
    "accept": "accepted",
    "decline": "declined",
    "contacted": "contacted",
    "sales-qualified": "sales_qualified",
    "proposed": "proposed",
    "won": "won",
    "lost": "lost",
    "recycle": "recycled",
}
STEPS = {
    "contacted": "I reached them",
    "sales-qualified": "They need it and can decide",
    "proposed": "I put options to them",
}
ORDER = ["accepted", "contacted", "sales_qualified", "proposed"]
AMOUNT = r"(\d{1,3}(,\d{3})+|\d+)(\.\d{1,%d})?"  # 1250,50 and 1.250 may mean two things: we ask again
OF_THOUSANDTHS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})


class Mistyped(ValueError):
    """A sentence about what was typed into a field."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


def add_routes(app: FastAPI, database: Database, links: Links) -> None:
    options: dict[str, Any] = {
        "tags": ["pages"],
        "response_class": HTMLResponse,
        "responses": {404: {"description": "Not Found"}},
    }

    @app.get("/a/{token}", summary="An offer: what the rep should know, and two buttons", **options)
    @app.head("/a/{token}", include_in_schema=False)
    async def look(token: str) -> Response:
        return await _offer_page(database, links, token, datetime.now(UTC))

    posted = options | {"responses": options["responses"] | problems(400, 413) | page_or_problem(409, 422)}

    @app.post("/a/{token}", summary="Accept, decline, or what happened since", **posted)
    async def act(request: Request, token: str) -> Response:
        now = datetime.now(UTC)
        assignment_id = links.read_offer(token, now)
        given = await _form(request)
        name = given.get("do", "")
        if assignment_id is None or name not in COMMANDS or not _pressed_by_a_person(request):
            return await _offer_page(database, links, token, now)
        try:
            details = _details(name, given)
            async with database.transaction() as unit:
                if not any(map(is_theirs, await store.briefs.offers(unit, [assignment_id]))):
                    return await _offer_page(database, links, token, now)
                await command_assignment(unit, assignment_id, COMMANDS[name], details, now)
        except (Illegal, ValueError) as error:
            return await _offer_page(database, links, token, now, wrong=error, given=given)
        return RedirectResponse(request.url.path, 303, headers=PRIVATE)

    @app.get("/mine/{token}", summary="A rep's open leads", **options)
    @app.head("/mine/{token}", include_in_schema=False)
    async def leads(token: str) -> Response:
        now = datetime.now(UTC)
        rep_id = links.read_leads_of(token, now)
        if rep_id is None:
            return _gone("This link has ended", "Please use the link of the latest mail.", 404)
        async with database.reading() as unit:
            return await _leads_page(unit, links, rep_id, now)


def _pressed_by_a_person(request: Request) -> bool:
    """Browsers say where a request comes from. A script, as link scanners run, or another site is not a press."""
    site, mode = request.headers.get("sec-fetch-site"), request.headers.get("sec-fetch-mode")
    return site in (None, "same-origin", "none") and mode in (None, "navigate")


async def _form(request: Request) -> dict[str, str]:
    """The fields of an urlencoded form; of anything else none. Raises Problem."""
    try:
        pairs = parse_qsl((await request.body()).decode("utf-8", "replace"), max_num_fields=20)
    except ValueError as error:
        raise Problem(400, "This form has more fields than ours. Please use the page of the link.") from error
    return {name: storable(value) for name, value in pairs}


def _details(name: str, given: dict[str, str]) -> dict[str, Any]:
    """Raises Mistyped."""
    if name == "won":
        currency = given.get("currency", "").strip().upper()
        if not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
            raise Mistyped("currency", "Please enter the currency by its three letters, for example USD.")
        places = 3 if currency in OF_THOUSANDTHS else 2
        typed = given.get("amount", "").strip()
        amount = Decimal(typed.replace(",", "")) if re.fullmatch(AMOUNT % places, typed) else None
        if amount is None or amount >= 10**11:
            raise Mistyped("amount", "Please enter the amount as a number, for example 1250.00.")
        return {"amount": amount, "currency": currency}
    if name in ("decline", "lost", "recycle"):
        reason = given.get("reason", "").strip()[:200]
        if not reason:
            raise Mistyped("reason", "Please say why.")
        return {"reason": reason}
    return {}


async def _offer_page(
    database: Database,
    links: Links,
    token: str,
    now: datetime,
    *,
    wrong: ValueError | None = None,
    given: Mapping[str, str] = MappingProxyType({}),
) -> HTMLResponse:
    assignment_id = links.read_offer(token, now)
    if assignment_id is None:
        return _gone("This link has ended", "Please use the link of the latest mail.", 404)
    async with database.reading() as unit:
        agreement = await current_agreement(unit)
        found = (await load_briefs(unit, agreement, [assignment_id])).get(assignment_id)
    if found is None or not is_theirs(found[0]):
        state = found[0]["state"] if found else "gone"
        return _gone("No longer yours", f"This offer is {state}: the lead has gone on. Nothing is left for you to do.", 200)
    offer, brief = found
    reached = ORDER.index(offer["lead_state"]) if offer["lead_state"] in ORDER else -1
    steps = [(name, label) for name, label in STEPS.items() if ORDER.index(COMMANDS[name]) > reached]
    values = {
        "offer": offer,
        "brief": brief,
        "zone": zone_of(offer, agreement),
        "steps": steps,
        "wrong": str(wrong or ""),
        "field": wrong.field if isinstance(wrong, Mistyped) else "",
        "doing": given.get("do", ""),
        "amount": given.get("amount", ""),
        "currency": given.get("currency", "USD" if agreement.company.country == "US" else ""),
        "decline_reasons": agreement.decline_reasons,
        "lost_reasons": agreement.lost_reasons,
        "recycle_reasons": agreement.recycle_reasons,
        "leads_link": links.leads_of(offer["rep_id"], now),
    }
    status = 422 if isinstance(wrong, Mistyped) else 409 if wrong else 200
    return HTMLResponse(_templates.get_template("offer.html").render(values), status, headers=PRIVATE)


async def _leads_page(unit: Any, links: Links, rep_id: UUID, now: datetime) -> HTMLResponse:
    agreement = await current_agreement(unit)
    zone = next((rep["zone"] for rep in await store.mails.recipients(unit, [rep_id]) if rep["id"] == rep_id), None)
    if zone is None:
        return _gone("This link has ended", "Whose leads these were sells no more.", 404)
    leads = [
        {
            **dict(row),
            "name": f"{row['first_name'] or ''} {row['last_name'] or ''}".strip() or "Somebody who gave no name",
            "link": links.offer(row["assignment_id"], now),
        }
        for row in await store.briefs.open_leads(unit, rep_id)
    ]
    page = _templates.get_template("leads.html").render(leads=leads, zone=zone or agreement.company.zone)
    return HTMLResponse(page, headers=PRIVATE)


def _gone(title: str, sentence: str, status: int) -> HTMLResponse:
    return HTMLResponse(_templates.get_template("gone.html").render(title=title, sentence=sentence), status, headers=PRIVATE)
