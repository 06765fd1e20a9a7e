"""What every answer has in common: errors of one shape, a size limit while reading, safe headers, a trace."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.database import is_transient
from shared.problem import Problem
from shared.telemetry import describe, log, start_trace

MAX_BODY = 256 * 1024
MAX_HEADERS = 32 * 1024
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cache-control", b"no-store"),
]
_NAMES = frozenset(name for name, _ in _HEADERS)


def install(app: FastAPI) -> None:
    """Replace FastAPI's three shapes of errors by one, and make room for direct endpoints."""
    app.state.direct = {}  # by path, for the edge

    @app.exception_handler(Problem)
    async def _problem(_: Request, error: Problem) -> Response:
        return error.response()

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> Response:
        sentences = {
            400: "What was sent cannot be read.",
            404: "There is nothing at this address.",
            405: "This address does not take that method.",
        }
        return Problem(error.status_code, sentences.get(error.status_code, str(error.detail)), error.headers).response()

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        if unreadable := _unreadable(request, error):
            return unreadable.response()
        errors = [{"field": ".".join(map(str, e["loc"][1:])), "code": e["type"], "detail": e["msg"]} for e in error.errors()]
        return Problem(422, "Some values are not as they must be.", errors=errors).response()

    @app.exception_handler(asyncpg.PostgresError)
    @app.exception_handler(asyncpg.InterfaceError)
    @app.exception_handler(asyncpg.InternalClientError)
    @app.exception_handler(OSError)
    async def _busy(request: Request, error: Exception) -> Response:
        """Two waited for each other and one gave way, or the database is away: the same may be tried again."""
        if not is_transient(error):
            raise error
        log().warning("answered 503", path=request.url.path.split("/")[1], error=describe(error))
        return Problem(503, "We are busy just now. Please try again in a few seconds.", {"Retry-After": "5"}).response()

    @app.exception_handler(Exception)
    async def _unexpected(_: Request, error: Exception) -> Response:
        return Problem(500, "Something went wrong on our side. Please try again.").response()


def _unreadable(request: Request, error: RequestValidationError) -> Problem | None:
    """What FastAPI calls invalid, but is no JSON, or was not said to be."""
    found = error.errors()[0]
    if found["type"] == "json_invalid":
        return Problem(400, "This is not JSON.")
    whole = tuple(found["loc"]) == ("body",) and found["type"] != "missing"
    if whole and "json" not in request.headers.get("content-type", ""):
        return Problem(415, "Please send JSON, with Content-Type: application/json.")
    return None


class ReadyJson(Response):
    """An answer whose bytes are there already: nothing is left to render."""

    def __init__(self, body: bytes, status: int, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
        self.body, self.status_code, self.background = body, status, None
        length = b"%d" % len(body)
        self.raw_headers = [(b"content-length", length), (b"content-type", b"application/json"), *headers]


class TooLarge(Exception):
    """The body grew past the limit while it was read."""


class Edge:
    """Pure ASGI (BaseHTTPMiddleware costs 3.6 times the CPU): limits the body, adds headers, starts the trace."""

    def __init__(
        self, app: ASGIApp, *, limits: Mapping[str, int] | None = None, direct: Mapping[str, ASGIApp] | None = None
    ) -> None:
        self._app = app
        self._limits, self._direct = {} if limits is None else limits, {} if direct is None else direct

    def _limit(self, path: str) -> int:
        return next((limit for start, limit in self._limits.items() if path.startswith(start)), MAX_BODY)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        head, declared, incoming = 0, b"0", b""
        for name, value in scope["headers"]:
            head += len(name) + len(value)
            if name == b"content-length":
                declared = value
            elif name == b"traceparent":
                incoming = value
        start_trace(incoming.decode("ascii", "ignore"))
        size, started, most = 0, False, self._limit(scope["path"])

        async def limited() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > most:
                raise TooLarge
            return message

        async def safe(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                given = message["headers"]
                missing = _HEADERS if _NAMES.isdisjoint([name for name, _ in given]) else _without(given)
                message["headers"] = [*given, *missing]
            await send(message)

        if head > MAX_HEADERS:
            await Problem(431, "The headers are larger than we take.").response()(scope, receive, safe)
            return
        try:
            if declared.isdigit() and int(declared) > most:
                raise TooLarge
            direct = self._direct.get(scope["path"]) if scope["method"] == "POST" else None
            await (direct or self._app)(scope, limited, safe)
        except TooLarge:
            await _discard(receive)
            answer = Problem(413, f"This is larger than the {most // 1024} KiB we take.", {"Connection": "close"})
            await answer.response()(scope, receive, safe)
        except ClientDisconnect:
            return  # gone before the request was complete: nobody is there to answer
        except Exception as error:
            # the route, not the path: a link's token is a secret
            route = getattr(scope.get("route") or scope.get("endpoint"), "path", "none")
            log().error("request failed", route=route, error=describe(error))
            if not started:
                await Problem(500, "Something went wrong on our side. Please try again.").response()(scope, receive, safe)


def _without(given: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Our headers, but for those the answer sets itself."""
    names = {name for name, _ in given}
    return [pair for pair in _HEADERS if pair[0] not in names]


class _Whole(Request):
    """A request whose body nearly always arrives in one piece."""

    async def body(self) -> bytes:
        message = await self.receive()
        pieces = [message.get("body", b"")]
        while message.get("more_body"):
            message = await self.receive()
            pieces.append(message.get("body", b""))
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class _Direct:
    """A hot endpoint right behind the edge, without the stack of layers and the router that others stand behind."""

    def __init__(self, app: FastAPI, path: str, endpoint: Callable[[Request], Awaitable[Response]]) -> None:
        self.path, self._endpoint = path, endpoint
        self._handlers: Mapping[Any, Any] = app.exception_handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = _Whole(scope, receive)
        try:
            response = await self._endpoint(request)
        except Exception as error:
            kinds = [kind for kind in type(error).__mro__ if kind is not Exception and kind in self._handlers]
            if not kinds:
                scope["endpoint"] = self
                raise  # the edge says that something went wrong, and where
            response = await self._handlers[kinds[0]](request, error)
        await response(scope, receive, send)


def serve_directly(app: FastAPI, path: str, endpoint: Callable[[Request], Awaitable[Response]]) -> None:
    """Answer a hot POST right behind the edge; FastAPI's own route goes on describing it: half the CPU a request.

    The endpoint may take nothing but the request, and returns a ready response.
    """
    app.state.direct[path] = _Direct(app, path, endpoint)


async def _discard(receive: Receive) -> None:
    """Read on for a moment: a sender that is cut off while it writes never sees the answer."""
    size = 0
    try:
        async with asyncio.timeout(2):
            while size < 16 * MAX_BODY:
                message = await receive()
                size += len(message.get("body", b""))
                if not message.get("more_body"):
                    return
    except TimeoutError:
        return
