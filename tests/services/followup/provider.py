"""A text provider's stand-in: POST /2010-04-01/Accounts/{sid}/Messages.json as Twilio answers it, with its failure modes."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl

from tests.support import serving

TAKEN = ("ok", "lost", "502")
ANSWERS: dict[str, tuple[int, str]] = {
    "ok": (201, '{"sid": "SM1", "status": "queued"}'),
    "lost": (0, ""),
    "429": (429, '{"code": 20429}'),
    "503": (503, ""),
    "502": (502, "<html>bad gateway</html>"),
    "401": (401, "{}"),
    "409": (409, "{}"),
    "stopped": (400, '{"code": 21610}'),
    "no number": (400, '{"code": 21211}'),
    "too long": (400, '{"code": 21617}'),
}


class Provider:
    """`accepted`: what it sends on. Of requests with equal keys it takes the first."""

    def __init__(self) -> None:
        self.mode, self.accepted, self.keys = "ok", list[dict[str, str]](), list[str]()
        self.authorization = ""
        self.hold, self.waiting = asyncio.Event(), asyncio.Event()
        self.hold.set()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
            headers = {name.lower(): value for name, value in lines.items()}
            form = dict(parse_qsl((await reader.readexactly(int(headers["content-length"]))).decode()))
            self.authorization = base64.b64decode(headers["authorization"].split()[1]).decode()
            self.waiting.set()
            await self.hold.wait()
            status, body = self.answer(form, headers.get("idempotency-key"))
            if status:
                answer = f"HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
                writer.write(answer.encode())

    def answer(self, form: dict[str, str], key: str | None = None) -> tuple[int, str]:
        if self.mode in TAKEN and (key is None or key not in self.keys):
            self.accepted.append(form)
        if key is not None:
            self.keys.append(key)
        return ANSWERS[self.mode]


@contextlib.asynccontextmanager
async def provider() -> AsyncIterator[tuple[Provider, str]]:
    """The stand-in and its address."""
    found = Provider()
    async with serving(found) as port:
        yield found, f"http://AC1:secret@127.0.0.1:{port}"
