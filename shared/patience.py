"""Nobody holds a connection by sending slowly: a request has ten seconds to arrive, head and body.

One look a second at all connections, so that a request in good time costs no timer.
"""

import time
from collections.abc import Iterable
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

SECONDS = 10.0
_DETAIL = "The request did not arrive in time. Please send it again."
_BODY = orjson.dumps({"type": "about:blank", "title": "Request Timeout", "status": 408, "detail": _DETAIL})
_ANSWER = (
    b"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/problem+json\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
)


class PatientProtocol(HttpToolsProtocol):
    """Remembers since when it waits for the rest of a request."""

    waiting_since: float | None = None

    def connection_made(self, transport: Any) -> None:
        self.waiting_since = time.monotonic()
        super().connection_made(transport)

    def on_message_begin(self) -> None:
        if self.waiting_since is None:
            self.waiting_since = time.monotonic()
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self.waiting_since = None
        super().on_message_complete()

    def lose_patience(self) -> None:
        """Whoever has had no answer yet is told why."""
        if self.cycle is None or not self.cycle.response_started:
            self.transport.write(_ANSWER)
        self.transport.close()


def close_slow(connections: Iterable[Any], seconds: float = SECONDS) -> None:
    """Close every connection whose request has been on its way for too long."""
    now = time.monotonic()
    for one in list(connections):
        if isinstance(one, PatientProtocol) and one.waiting_since is not None and now - one.waiting_since > seconds:
            one.lose_patience()
