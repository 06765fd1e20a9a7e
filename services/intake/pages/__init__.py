"""Forms: what a web form posts, the hosted form, its errors and its thank-you page. No JavaScript needed."""

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response

from services.intake.domain.forms import Form
from services.intake.pages import embed
from services.intake.pages.carried import marks_in
from services.intake.pages.form_post import FormPosts, cors_headers
from services.intake.pages.rendering import form_page, headers_of, thanks_page
from services.intake.use_cases.answers import RECEIVED, body_schema
from services.intake.use_cases.form_book import FormBook
from shared.problem import Problem, page_or_problem, problems

CORS = {"Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Headers": "Content-Type, Idempotency-Key"}


def add_routes(app: FastAPI, posts: FormPosts, forms: FormBook) -> None:
    def known(key: str) -> Form:
        form = forms.get(key)
        if form is None:
            raise Problem(404, "There is no form of this name.")
        return form

    @app.post(
        "/f/{form}",
        status_code=303,
        response_class=Response,  # a place to go to has no content
        tags=["capture"],
        summary="What a web form posts",
        openapi_extra=body_schema("application/x-www-form-urlencoded", "multipart/form-data", "application/json"),
        responses={
            202: RECEIVED,
            303: {"description": "Stored"},
            **page_or_problem(422),
            **problems(400, 401, 403, 404, 409, 413, 415, 429, 503),
        },
    )
    async def post_form(request: Request, form: str) -> Response:
        return await posts.answer(request, known(form))

    @app.options("/f/{form}", tags=["capture"], summary="Which sites may post", status_code=204, responses=problems(403, 404))
    async def preflight(request: Request, form: str) -> Response:
        allowed = cors_headers(known(form), request)
        if "access-control-allow-origin" not in allowed:
            raise Problem(403, "This form takes posts from its own pages only.", {"Vary": "Origin"})
        return Response(status_code=204, headers=allowed | CORS | {"Access-Control-Max-Age": "7200"})

    @app.get("/f/{form}", tags=["capture"], summary="The form as a page", response_class=HTMLResponse, responses=problems(404))
    async def get_form(request: Request, form: str) -> HTMLResponse:
        asked = known(form)
        hidden = posts.hidden(asked, marks_in(request.query_params, asked))
        return HTMLResponse(form_page(asked, {}, [], hidden=hidden), headers=headers_of(asked))

    @app.get("/f/{form}/thanks", tags=["capture"], summary="Thank you", response_class=HTMLResponse, responses=problems(404))
    async def get_thanks(form: str) -> HTMLResponse:
        asked = known(form)
        return HTMLResponse(thanks_page(asked), headers=headers_of(asked))

    embed.add_routes(app)
