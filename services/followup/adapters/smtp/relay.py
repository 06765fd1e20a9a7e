"""What goes over the wire and what comes back: a mail, an answer."""

import re
from dataclasses import dataclass
from typing import Literal

Result = Literal["sent", "again", "busy", "unsent", "never", "doubt"]
_ENHANCED = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_OUR_LIMIT = re.compile(r"quota|rate|limit|throttl|too many|frequency|volume", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """sent; again: not taken; busy: the same, not its own fault; unsent: never tried; never: refused for good; doubt: unknown."""

    result: Result
    detail: str = ""
    code: int = 0
    status: str = ""
    at_recipient: bool = False  # refused at RCPT: it speaks about the address
    stopped: bool = False  # they told the other side, not us, that they want no more
    for_all: bool = False  # the relay itself is away or slows us down: other mails would fare no better


@dataclass(frozen=True, slots=True)
class Mail:
    """What goes over the wire. `journal` is a mailbox of ours that receives the same transaction, as a witness."""

    sender: str
    recipient: str
    content: bytes  # CRLF lines
    journal: str | None = None
    not_after: float = float("inf")  # when the lease ends: the final dot is not sent later (seconds since the epoch)


class Refused(Exception):
    """The relay answered, but not with what was needed."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}"[:300])
        self.code, self.text = code, text

    def answer(self, *, at_recipient: bool = False) -> Answer:
        found = _ENHANCED.search(self.text)
        status = found[1] if found else ""
        result, words = _result(self.code, status, self.text), f"{self.code} {self.text}"[:300]
        for_all = result == "busy" and self.code in (421, 454)
        return Answer(result, words, self.code, status, at_recipient, for_all=for_all)


def _result(code: int, status: str, text: str) -> Result:
    """421, 451 and 454 are the relay's state, and so is a limit of ours; a full mailbox (x.2.2) is not."""
    ours = _OUR_LIMIT.search(text) is not None and not status.endswith(".2.2") and not status.startswith(("5.1", "5.3"))
    if code in (421, 451, 454) or (ours and (code < 500 or status == "5.4.5")):
        return "busy"
    return "never" if code >= 500 else "again"


class Stale(Exception):
    """The relay hung up while the connection was idle: nothing was sent, another connection will do."""


def stuffed(content: bytes) -> bytes:
    """The message as DATA wants it: a dot at the start of a line doubled, and the final dot."""
    body = content if content.endswith(b"\r\n") else content + b"\r\n"
    if body.startswith(b"."):
        body = b"." + body
    return body.replace(b"\r\n.", b"\r\n..") + b".\r\n"
