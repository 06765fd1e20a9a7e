"""Forms: what a web form posts, the hosted form, its errors and its thank-you page. No JavaScript needed."""

from datetime import UTC, datetime

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from services.intake.adapters.requests import form_values, idempotency_key, return_to, wants_json
from services.intake.domain.forms import Form
from services.intake.pages.rendering import form_page, thanks_page
from services.intake.use_cases.answers import RECEIVED, body_schema, received
from services.intake.use_cases.capture import Capture, Invalid
from services.intake.use_cases.form_book import FormBook
from shared.http import Problem, problems


def add_routes(app: FastAPI, capture: Capture, forms: FormBook) -> None:
    def known(key: str) -> Form:
        form = forms.get(key)
        if form is None:
            raise Problem(404, "There is no form of this name.")
        return form

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
            captured = await capture.keep(asked, values, now=datetime.now(UTC), idempotency_key=key)
        except Invalid as error:
            if as_json:
                raise
            return HTMLResponse(form_page(asked, values, error.errors), 422)
        if as_json:
            return received(captured)
        return RedirectResponse(return_to(values, asked), 303)

    @app.get("/f/{form}", tags=["capture"], summary="The form as a page", response_class=HTMLResponse)
    async def get_form(form: str) -> HTMLResponse:
        return HTMLResponse(form_page(known(form), {}, []))

    @app.get("/f/{form}/thanks", tags=["capture"], summary="Thank you", response_class=HTMLResponse)
    async def get_thanks(form: str) -> HTMLResponse:
        known(form)
        return HTMLResponse(thanks_page())
