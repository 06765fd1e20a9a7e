"""A mail server that delivers nowhere and shows what it got: python -m deploy.local.mail_sink. SMTP and a page."""

import asyncio
import itertools
import os
import re
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import lru_cache
from pathlib import Path
from typing import Any

import uvicorn
from aiosmtpd.controller import UnthreadedController
from aiosmtpd.smtp import SMTP, Envelope, Session
from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

KEPT = 10_000
_NAME = re.compile(r"\d{20}-[0-9a-f]{6}", re.ASCII)
_templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
_SAFE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; img-src data:",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Mailbox:
    """Mails as files, newest last; the oldest go when there are too many."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._arrived = itertools.count()
        self.summary = lru_cache(maxsize=KEPT)(self._summary)  # a mail never changes

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        await asyncio.to_thread(self._keep, envelope.original_content or b"")
        return "250 OK kept"

    def _keep(self, content: bytes) -> None:
        name = f"{time.time_ns():020d}-{secrets.token_hex(3)}"
        part = self.folder / f"{name}.part"
        part.write_bytes(content)
        part.rename(self.folder / f"{name}.eml")
        if next(self._arrived) % 100 == 0:  # looking through the folder for each mail would cost more than the mail
            for old in self.names()[:-KEPT]:
                (self.folder / f"{old}.eml").unlink(missing_ok=True)

    def names(self) -> list[str]:
        return sorted(file.stem for file in self.folder.glob("*.eml"))

    def raw(self, name: str) -> bytes:
        try:
            if not _NAME.fullmatch(name):
                raise FileNotFoundError
            return (self.folder / f"{name}.eml").read_bytes()
        except FileNotFoundError as error:
            raise HTTPException(404, "There is no such mail.") from error

    def mail(self, name: str) -> EmailMessage:
        return message_from_bytes(self.raw(name), _class=EmailMessage, policy=policy.default)

    def _summary(self, name: str) -> dict[str, Any]:
        mail = self.mail(name)
        headers = {field: str(mail.get(header, "")) for field, header in _FIELDS.items()}
        return {
            "id": name,
            **headers,
            "received_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(name[:20]) / 1e9)),
        }


_FIELDS = {"from": "From", "to": "To", "subject": "Subject", "message_id": "Message-ID"}


def make_app(mailbox: Mailbox) -> Starlette:
    """Plain Starlette: without a schema to describe it starts in half the time."""

    def index(_: Request) -> Response:
        mails = [mailbox.summary(name) for name in reversed(mailbox.names()[-200:])]
        return HTMLResponse(_templates.get_template("mail_sink.html").render(mails=mails, mail=None), headers=_SAFE)

    def show(request: Request) -> Response:
        name = request.path_params["name"]
        mail = mailbox.mail(name)
        text = mail.get_body(("plain",))
        page = _templates.get_template("mail_sink.html").render(
            mails=[],
            mail=mailbox.summary(name),
            headers=[(key, str(value)) for key, value in mail.items()],
            text=text.get_content() if text else "",
            has_html=mail.get_body(("html",)) is not None,
        )
        return HTMLResponse(page, headers=_SAFE)

    def show_html(request: Request) -> Response:
        body = mailbox.mail(request.path_params["name"]).get_body(("html",))
        sandbox = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
        return HTMLResponse(body.get_content() if body else "", headers=_SAFE | {"Content-Security-Policy": sandbox})

    def messages(_: Request) -> Response:
        return JSONResponse([mailbox.summary(name) for name in mailbox.names()])

    def message(request: Request) -> Response:
        name = request.path_params["name"]
        disposition = {"Content-Disposition": f'attachment; filename="{name}.eml"'}
        return Response(mailbox.raw(name), headers=_SAFE | disposition, media_type="message/rfc822")

    pages = {"/": index, "/mails/{name}": show, "/mails/{name}/html": show_html}
    pages |= {"/api/messages": messages, "/api/messages/{name}": message}
    return Starlette(routes=[Route(path, page) for path, page in pages.items()])


def main() -> None:
    host = os.environ.get("MAIL_HOST", "127.0.0.1")
    folder = os.environ.get("MAIL_DIR") or os.path.join(os.environ.get("LOCAL_DIR", ".local"), "mail")
    mailbox = Mailbox(Path(folder))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        port = int(os.environ.get("MAIL_PORT", "1025"))
        smtp = UnthreadedController(
            mailbox, hostname=host, port=port, loop=asyncio.get_running_loop(), data_size_limit=10_000_000
        )
        server = await smtp.loop.create_server(smtp._factory_invoker, host=host, port=port)
        try:
            yield
        finally:
            server.close()

    app = make_app(mailbox)
    app.router.lifespan_context = lifespan
    page_port = int(os.environ.get("MAIL_PAGE_PORT", "8025"))
    uvicorn.run(app, host=host, port=page_port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
