"""Forms: what a web form posts, the hosted form, its errors and its thank-you page. No JavaScript needed."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.intake.adapters.requests import form_values, idempotency_key, return_to, wants_json
from services.intake.domain.forms import FORMS, LABELS, SELECTIONS, FieldError, Form
from services.intake.use_cases.answers import RECEIVED, body_schema, received
from services.intake.use_cases.capture import Capture, Invalid
from shared.http import Problem, problems

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, auto_reload=False
)
AUTOCOMPLETE = {
    "first_name": "given-name",
    "last_name": "family-name",
    "phone": "tel",
    "email": "email",
    "postal_code": "postal-code",
}


def form_page(form: Form, values: Mapping[str, Any], errors: Sequence[FieldError]) -> str:
    """The form; after a mistake with a summary, the sentence beside each field, and everything typed kept."""
    fields = [
        {
            "name": name,
            "label": label,
            "value": values.get(name) if isinstance(values.get(name), str) else "",
            "error": next((error.detail for error in errors if error.field == name), None),
            "optional": name not in form.required,
            "autocomplete": AUTOCOMPLETE.get(name, "off"),
        }
        for name, label in LABELS.items()
    ]
    other = [error for error in errors if error.field not in LABELS]
    page = _templates.get_template("form.html")
    return page.render(form=form, fields=fields, errors=errors, other=other, selections=SELECTIONS)


def thanks_page() -> str:
    return _templates.get_template("thanks.html").render()


def add_routes(app: FastAPI, capture: Capture) -> None:
    def known(form: str) -> Form:
        if form not in FORMS:
            raise Problem(404, "There is no form of this name.")
        return FORMS[form]

    @app.post(
        "/f/{form}",
        status_code=303,
        tags=["capture"],
        summary="What a web form posts",
        openapi_extra=body_schema("application/x-www-form-urlencoded", "multipart/form-data", "application/json"),
        responses={202: RECEIVED, 303: {"description": "Stored"}, **problems(400, 404, 413, 415, 422, 503)},
    )
    async def post_form(request: Request, form: str) -> Response:
        asked, values, as_json = known(form), await form_values(request), wants_json(request)
        try:
            key = idempotency_key(request)
            captured = await capture.keep(form, values, now=datetime.now(UTC), idempotency_key=key)
        except Invalid as error:
            if as_json:
                raise
            return HTMLResponse(form_page(asked, values, error.errors), 422)
        if as_json:
            return received(captured)
        return RedirectResponse(return_to(values, form, asked.return_hosts), 303)

    @app.get("/f/{form}", tags=["capture"], summary="The form as a page", response_class=HTMLResponse)
    async def get_form(form: str) -> HTMLResponse:
        return HTMLResponse(form_page(known(form), {}, []))

    @app.get("/f/{form}/thanks", tags=["capture"], summary="Thank you", response_class=HTMLResponse)
    async def get_thanks(form: str) -> HTMLResponse:
        known(form)
        return HTMLResponse(thanks_page())
