"""Raw mail to values: delivery reports, feedback reports, and the many bounces that only say it in words.

Anybody may write to us, anything: no pattern here may look through the rest of a text from each of its places.
"""

import email
import email.policy
import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import getaddresses
from itertools import islice

from services.followup.adapters.shown import shown
from services.followup.domain.bounces import Failure, came_after_data
from services.followup.domain.incoming import Incoming
from shared.database import storable

MAX_TEXT, MAX_PARTS, MAX_FAILURES, MAX_BLOCKS, MAX_LINKS = 60_000, 50, 50, 200, 200
MAX_HEADERS, MAX_HEADER, MAX_WORDS = 1_000, 10_000, 20_000
MAX_READ, MAX_LINES = 1_048_576, 20_000  # the words stand before what is attached
_LOCAL = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,128}"
_ADDRESS = re.compile(rf"(?<![\w.]){_LOCAL}@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)+")
# Where the reporter stops speaking and our own message begins.
_RETURNED = re.compile(
    r"^[ \t>*=_#-]{0,80}(?:"
    r"(?:this|below(?: this line| the next line)?|included|the following|here) is (?:a |the )?(?:copy|header|first)"
    r"|(?:end of )?(?:original|returned|unsent|undelivered|bounced)[ -](?:message|mail)(?:\b(?! {0,9}:? {0,9}\S)|"
    r" follows| below| headers?\b|[ -]*$)"
    r"|(?:a )?summary of the undelivered|the (?:header|first \d+ lines)\b"
    r"|(?:message )?headers? (?:of the .{0,20}message )?follows?"
    r"|mensa(?:je|gem) original|message d'origine|urspr.ngliche nachricht"
    r"|return-path: ?<|received: (?:from|by|\())",
    re.IGNORECASE | re.MULTILINE,
)
_BLOCK = re.compile(
    rf"^[ \t*]*(?:Unknown user: |User's .{{0,20}}: )?<?({_ADDRESS.pattern})>?(?::|[ \t]*$|[ \t]+on \w)", re.MULTILINE
)
_NAME_ALONE = re.compile(  # "... to the following recipients:", and on the next line a name
    r"\b(?:recipients?|users?|deliver\w*|following)\b[^\n]*(?:\n(?!\s*\n)[^\n]*){0,2}:[ \t-]*\n"
    rf"\s*({_LOCAL})(?:[ \t]{{2,}}[^\n]*)?$",
    re.IGNORECASE | re.MULTILINE,
)
_SOMEBODY_ELSE = re.compile(
    r"(?:(?<!generated )from|sender|contact|postmaster|mailto|questions|return-path|mail from)\W{0,4}$", re.IGNORECASE
)
_CAME_TO = ("to", "cc", "delivered-to", "x-original-to", "envelope-to")
_LINK = re.compile(r"https?://[^\s\"'<>]+")


def read_mail(raw: bytes) -> Incoming:
    """Parse a mail. What cannot be read is a mail without those parts: never an exception."""
    begin = b"".join(raw[:MAX_READ].splitlines(keepends=True)[:MAX_LINES])
    try:
        message = email.message_from_bytes(begin, policy=email.policy.compat32)
    except RecursionError:  # mails in mails in mails
        message = BytesHeaderParser(policy=email.policy.compat32).parsebytes(begin)
    parts = list(_walk(message))
    headers = _headers(message)
    whole = _own_text(parts)
    spoken, rest = _split(whole)
    returned = _returned_headers(parts, rest)
    reports = [part for part in parts if part.get_content_type().endswith("delivery-status")]
    failures = [failure for part in reports for failure in _from_report(part, spoken)]
    return Incoming(
        digest=hashlib.sha256(raw).hexdigest(),
        headers=headers,
        text=spoken,
        whole=whole[:MAX_TEXT],
        recipients=tuple(_addresses(headers, *_CAME_TO)),
        failures=tuple((failures or _from_words(spoken[:MAX_WORDS], headers))[:MAX_FAILURES]),
        feedback=tuple(_fields(_text(part)) for part in parts if part.get_content_type() == "message/feedback-report"),
        returned=returned,
        is_report=bool(reports) or message.get_content_type() == "multipart/report",
        links=tuple(found[0] for found in islice(_LINK.finditer(_unfolded(begin)), MAX_LINKS)),
    )


def _walk(message: Message) -> Iterator[Message]:
    """Parts in order. What is inside a report or a returned message belongs to that part."""
    yield message
    if message.is_multipart() and not message.get_content_type().startswith("message/"):
        for number, part in enumerate(message.get_payload()):
            if number < MAX_PARTS and isinstance(part, Message):
                yield from _walk(part)


def _text(part: Message) -> str:
    """The text of a part, whatever it says about its own encoding."""
    payload = part.get_payload(decode=True)
    if payload is None:
        inner = part.get_payload()
        return "\n\n".join(map(_plain, inner[:MAX_BLOCKS])) if isinstance(inner, list) else str(inner)
    content = payload if isinstance(payload, bytes) else str(payload).encode()
    try:
        text = content.decode(part.get_content_charset("utf-8"), "replace")
    except (LookupError, ValueError):  # a charset nobody knows, or one that is no charset at all
        text = content.decode("utf-8", "replace")
    return storable(text).replace("\r\n", "\n").replace("\r", "\n")


def _plain(message: Message) -> str:
    """A part as it stands there; str() would fold its headers anew, which takes minutes for long ones."""
    return "".join(f"{name}: {value}\n" for name, value in message.items()) + f"\n{message.get_payload()}"


def _own_text(parts: list[Message]) -> str:
    """What the writer wrote: the first text; of HTML what a reader sees."""
    for part in parts:
        if part.is_multipart() or not part.get_content_type().startswith("text/"):
            continue
        if part.get_content_type() == "text/rfc822-headers":
            continue
        text = _text(part)
        if part.get_content_type() == "text/html":
            text = shown(text)
        if text.strip():
            return text[: 4 * MAX_TEXT]
    return next((part.epilogue or part.preamble or "" for part in parts if part.epilogue or part.preamble), "")[: 4 * MAX_TEXT]


def _unfolded(raw: bytes) -> str:
    return raw.decode("latin-1").replace("=\r\n", "").replace("=\n", "")


def _split(text: str) -> tuple[str, str]:
    """(what the reporter says, the message that came back)"""
    for found in _RETURNED.finditer(text):
        if text[: found.start()].strip():
            return text[: found.start()][:MAX_TEXT], text[found.start() :]
    return text[:MAX_TEXT], ""


def _fields(text: str) -> dict[str, str]:
    """Header lines to lower-case names; the first of a name counts, except that comments of a value stay in it."""
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if line[:1] in (" ", "\t") and name:
            found[name] = f"{found[name]} {line.strip()}"[:MAX_HEADER]
        elif ":" in line and len(found) < MAX_HEADERS:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            if name in found:
                name = ""
            else:
                found[name] = value.strip()[:MAX_HEADER]
    return found


def _headers(message: Message) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in islice(message.items(), MAX_HEADERS):
        found.setdefault(name.lower(), _decoded(str(value)))
    return found


def _decoded(value: str) -> str:
    with suppress(ValueError, LookupError, HeaderParseError):
        value = str(make_header(decode_header(" ".join(value[:MAX_HEADER].split()))))
    return storable(value[:MAX_HEADER])


def _addresses(headers: dict[str, str], *names: str) -> list[str]:
    values = [headers[name] for name in names if name in headers]
    with suppress(RecursionError):  # a comment in a comment in a comment
        return [address for _, address in getaddresses(values) if "@" in address]
    return []


def _returned_headers(parts: list[Message], rest: str) -> dict[str, str]:
    """The headers of our own message, from a part of its own or from the end of the text."""
    for part in parts:
        if part.get_content_type() in ("message/rfc822", "message/global") and part.is_multipart():
            return _headers(part.get_payload(0))  # type: ignore[arg-type]
        if part.get_content_type() in ("text/rfc822-headers", "message/global-headers", "message/rfc822"):
            return {name: _decoded(value) for name, value in _fields(_text(part).split("\n\n", 1)[0]).items()}
    start = re.search(r"^(?:return-path|received|from|to|date|message-id|subject|dkim-signature|x-[\w-]+):", rest, re.I | re.M)
    return _fields(rest[start.start() :].split("\n\n", 1)[0]) if start else {}


def _from_report(part: Message, spoken: str) -> list[Failure]:
    """RFC 3464, and what some take for it: groups of fields, the first about the message, the others about recipients."""
    blocks = part.get_payload()
    texts = [*map(_plain, blocks[:MAX_BLOCKS])] if isinstance(blocks, list) else re.split(r"\n\s*\n", _text(part))
    after_data = came_after_data(spoken) or _is_rule_of_a_receiver(texts)
    found = []
    for fields in (_fields(text) for text in texts):
        named = [fields[name] for name in ("original-recipient", "final-recipient", "x-actual-recipient") if name in fields]
        addresses = tuple(dict.fromkeys(address for value in named for address in _ADDRESS.findall(value)))
        if not addresses:
            continue
        words = fields.get("diagnostic-code", "")[:2_000]
        status = re.match(r"\s*([245]\.\d+\.\d+)", fields.get("status", ""))
        found.append(
            Failure(
                addresses,
                action=fields.get("action", ""),
                status=status[1] if status else fields.get("status", "")[:1],
                words=words,
                after_data=after_data,
                x400=fields.get("final-recipient", "").lower().startswith("x400"),
            )
        )
    return found


def _is_rule_of_a_receiver(texts: list[str]) -> bool:
    """Amazon's inbound service answers from a rule after it took the mail: the words are the rule's."""
    reporters = (_fields(text).get("reporting-mta", "") for text in texts[:MAX_FAILURES])
    return any(re.search(r"inbound-smtp\.[\w-]{1,64}\.amazonaws\.com", reporter, re.IGNORECASE) for reporter in reporters)


def _from_words(spoken: str, headers: dict[str, str]) -> list[Failure]:
    """A bounce in words: the text after each address on a line of its own is about that address."""
    if not spoken.strip():
        return []
    ours = {address.lower() for address in _addresses(headers, "from", *_CAME_TO)}
    starts = [found for found in _BLOCK.finditer(spoken) if found[1].lower() not in ours]
    after_data = came_after_data(spoken)
    if len({found[1].lower() for found in starts}) > 1:
        ends = [found.start() for found in starts[1:]] + [len(spoken)]
        blocks = [(found[1], spoken[found.start() : end]) for found, end in zip(starts, ends, strict=True)]
        return [Failure((address,), words=words, after_data=after_data) for address, words in blocks]
    named = [*_addresses(headers, "x-failed-recipients"), *(found[1] for found in starts)]
    named += [*_by_name(spoken, headers), *_mentioned(spoken)]
    addresses = tuple(dict.fromkeys(address.rstrip(".") for address in named if address.lower() not in ours))
    return [Failure(addresses, words=spoken, after_data=after_data)]


def _by_name(spoken: str, headers: dict[str, str]) -> Iterator[str]:
    """A system that calls its own user by name alone means somebody at the reporter's host, or at a domain above it."""
    if (found := _NAME_ALONE.search(spoken[:4_000])) is None:
        return
    labels = next(iter(_addresses(headers, "from")), "").partition("@")[2].lower().split(".")
    for start in range(len(labels) - 1):
        yield f"{found[1]}@{'.'.join(labels[start:])}"


def _mentioned(spoken: str) -> list[str]:
    """Addresses in running text, without those that are only to be written to."""
    found = _ADDRESS.finditer(spoken)
    return [one[0] for one in found if not _SOMEBODY_ELSE.search(spoken[max(0, one.start() - 24) : one.start()])]
