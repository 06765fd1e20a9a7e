"""A mailbox read by IMAP, in a thread: what is new in it, and whether a message of ours is there."""

import asyncio
import imaplib
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

MAX_MAIL = 1_000_000  # of a bounce only the first part matters
Answer = TypeVar("Answer")


class Mailbox:
    """imaps://user:password@host/INBOX, or imap:// on this machine."""

    def __init__(self, url: str, *, timeout: float = 30.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("imap", "imaps"):
            raise ValueError("a mailbox's address begins with imaps:// or imap://")
        self._host, self._tls, self._timeout = parts.hostname or "127.0.0.1", parts.scheme == "imaps", timeout
        self._port = parts.port or (993 if self._tls else 143)
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._folder = unquote(parts.path.strip("/")) or "INBOX"
        self._authority = parse_qs(parts.query).get("ca", [None])[0]

    async def unread(self, limit: int = 50) -> list[tuple[str, bytes]]:
        """New mails, oldest first. They stay new until `mark_read`: a crash in between repeats them, and repeats are known.

        One that the server cannot give just now stays new, too.
        """

        def fetch(box: imaplib.IMAP4) -> list[tuple[str, bytes]]:
            found = _ok(box.uid("SEARCH", "UNSEEN"))[0].split()[:limit]
            mails = [(uid, _content(box.uid("FETCH", uid, f"(BODY.PEEK[]<0.{MAX_MAIL}>)"))) for uid in map(bytes.decode, found)]
            return [(uid, raw) for uid, raw in mails if raw]

        return await self._run(fetch)

    async def mark_read(self, uid: str) -> None:
        await self._run(lambda box: _ok(box.uid("STORE", uid, "+FLAGS", r"(\Seen)")))

    async def holds(self, message_ids: Sequence[str]) -> set[str]:
        """Which of these messages are in the mailbox."""

        def look(box: imaplib.IMAP4) -> set[str]:
            return {id for id in message_ids if _ok(box.uid("SEARCH", "HEADER", "Message-ID", f'"{id}"'))[0].split()}

        return await self._run(look)

    async def _run(self, work: Callable[[imaplib.IMAP4], Answer]) -> Answer:
        def run() -> Answer:
            with self._open() as box:
                return work(box)

        return await asyncio.to_thread(run)

    @contextmanager
    def _open(self) -> Iterator[imaplib.IMAP4]:
        box: imaplib.IMAP4
        if self._tls:
            context = ssl.create_default_context(cafile=self._authority)
            box = imaplib.IMAP4_SSL(self._host, self._port, ssl_context=context, timeout=self._timeout)
        else:
            box = imaplib.IMAP4(self._host, self._port, timeout=self._timeout)
        try:
            box.login(self._user, self._password)
            _ok(box.select(self._folder))
            yield box
        finally:
            box.logout()


def _ok(answer: tuple[str, list[bytes | None]]) -> list[bytes]:
    status, data = answer
    if status != "OK":
        raise imaplib.IMAP4.error(f"the mailbox answers {status}")
    return [one or b"" for one in data]


def _content(answer: tuple[str, list[object]]) -> bytes:
    parts = [one[1] for one in answer[1] if isinstance(one, tuple)]
    return bytes(parts[0]) if parts else b""
