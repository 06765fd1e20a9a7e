"""Puzzles that tell people from robots: Turnstile and hCaptcha, which ask in the same way."""

import ssl
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import orjson

from services.intake.domain.spam import PUZZLES

Answer = Literal["passed", "failed", "outage"]
TIMEOUT = 2.0


class Captcha(Protocol):
    async def check(self, token: str, address: str, hosts: Sequence[str], post: UUID) -> Answer: ...


def token_of(values: Mapping[str, Any]) -> str:
    found = next((values[name] for name in PUZZLES if isinstance(values.get(name), str)), "")
    return found if len(found) <= 2048 else ""


class SiteVerify:
    """POST siteverify with secret, response and remoteip. The address is a setting, so it is trusted."""

    def __init__(self, url: str, secret: str, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._url, self._secret, self._transport = url, secret, transport

    async def check(self, token: str, address: str, hosts: Sequence[str], post: UUID) -> Answer:
        """`hosts`: where the puzzle may have been solved; none: anywhere. `post`: when it comes again, the answer is the same
        where the provider can tell (Turnstile)."""
        if not token:
            return "failed"
        form = {"secret": self._secret, "response": token, "remoteip": address, "idempotency_key": str(post)}
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT, transport=self._transport, verify=_tls()) as client:
                answer = await client.post(self._url, data=form)
            told = orjson.loads(answer.content) if answer.is_success else None
        except (httpx.HTTPError, orjson.JSONDecodeError):
            return "outage"
        if not isinstance(told, dict) or "success" not in told:
            return "outage"
        if told["success"] is not True:
            return "outage" if set(told.get("error-codes") or ()) & OURS else "failed"
        return "passed" if not hosts or told.get("hostname") in hosts else "failed"


OURS = {"internal-error", "missing-input-secret", "invalid-input-secret", "sitekey-secret-mismatch"}


@cache
def _tls() -> ssl.SSLContext:
    """Made once: reading the certificates takes longer than the question."""
    return httpx.create_ssl_context()


def hosts_of(origins: Sequence[str]) -> list[str]:
    return [urlsplit(origin).hostname or "" for origin in origins]
