"""One shape for every error: a problem (RFC 9457) for software, the same sentence on a page for a person's browser."""

from collections.abc import Mapping
from html import escape
from http import HTTPStatus
from typing import Any

import orjson
from fastapi.responses import HTMLResponse, Response
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

TITLES = {404: "We cannot find that", 410: "This has ended", 429: "One moment, please", 503: "One moment, please"}
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>
:root {{ --ink: #16202b; --paper: #f5f7f9; --card: #fff; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e9eef3; --paper: #11181f; --card: #1a232c; }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: var(--paper); color: var(--ink); font: 1.0625rem/1.5 system-ui, sans-serif; }}
main {{ max-width: 34rem; margin: clamp(0rem, 8vh, 5rem) auto 0; padding: 1rem; }}
.card {{ background: var(--card); border-radius: .75rem; padding: clamp(1rem, 5vw, 2rem); overflow-wrap: anywhere; }}
h1 {{ font-size: 1.6rem; line-height: 1.25; margin: 0 0 1rem; text-wrap: balance; }}
p {{ margin: 0; }}
</style>
<main><div class="card"><h1>{title}</h1><p>{detail}</p></div></main>
</html>
"""
PRIVATE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
}
PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "code": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}
BODY = 400, 413, 415, 422  # what any route with a body may answer


class Problem(Exception):
    """An answer of RFC 9457: `detail` is a sentence that says what to do; values sent are never repeated."""

    def __init__(
        self,
        status: int,
        detail: str,
        headers: Mapping[str, str] | None = None,
        errors: list[dict[str, str]] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers, self.errors = status, detail, headers, errors

    def response(self) -> Response:
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors is not None:
            body["errors"] = self.errors
        return _Answer(self.detail, orjson.dumps(body), self.status, self.headers, "application/problem+json")


class _Answer(Response):
    """The problem; to a browser that shows what it gets, a page."""

    def __init__(self, detail: str, *given: Any) -> None:
        super().__init__(*given)
        self._detail = detail

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _shows_pages(Headers(scope=scope)):
            await super().__call__(scope, receive, send)
            return
        title = TITLES.get(self.status_code, "That did not work")
        content = PAGE.format(title=title, detail=escape(self._detail))
        kept = {name: value for name, value in self.headers.items() if name not in ("content-length", "content-type")}
        await HTMLResponse(content, self.status_code, PRIVATE | kept)(scope, receive, send)


def _shows_pages(headers: Headers) -> bool:
    accepted = headers.get("accept", "")
    return "text/html" in accepted and "json" not in accepted and "json" not in headers.get("content-type", "")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entries of the errors a route answers with."""
    content = {"application/problem+json": {"schema": PROBLEM_SCHEMA}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def page_or_problem(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The same of a route that tells a person on its own page what was wrong."""
    content = {"application/problem+json": {"schema": PROBLEM_SCHEMA}, "text/html": {}}
    return {status: {"description": "The page again, or a problem", "content": content} for status in statuses}
