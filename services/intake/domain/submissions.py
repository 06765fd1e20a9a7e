"""What a submission is: its fields, what else came with it, and the keys that recognise it when it comes again."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from services.intake.domain.forms import LIMITS
from services.intake.domain.spam import PUZZLES, TRAPS

ATTRIBUTION = [
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_term",
    "utm_content",
    "utm_id",
    "gclid",
    "gbraid",
    "wbraid",
    "fbclid",
    "msclkid",
    "ttclid",
    "li_fat_id",
    "landing_page",
    "referrer",
]
RESERVED = {"form", "consents", "attribution", "test", "external_id", *PUZZLES, *TRAPS}
CONTROL = {*RESERVED, *LIMITS}
SHOWN = ("version", "checkbox", "seller")  # of a consent: which words, which box, for whom
MAX_ANSWERS, MAX_DEPTH, MAX_TEXT = 100, 20, 5000
MOST_ATTRIBUTION = 8_000  # characters in all: thirteen marks and two addresses need fewer
_CONTROL = re.compile("[\x00-\x1f\x7f]")


class NotAnswerable(ValueError):
    """The body is not one we can keep; `field` and the sentence say what to change."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field, self.detail = field, detail


@dataclass(frozen=True, slots=True)
class Submission:
    """One raw post, checked. `content` is what is stored and, later, qualified."""

    lead_id: UUID
    form: str
    content: dict[str, Any]
    received_at: datetime
    test: bool
    content_key: bytes  # names what was said, and why it was set aside
    said_key: bytes  # names what was said, whatever the verdict on it
    held: str | None = None  # why it is quarantined at once
    idempotency_key: bytes | None = None
    is_provider_id: bool = False  # the sender's own id: kept longer, and the content may come in another shape


def split_body(
    values: Mapping[str, Any], fields: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str], list[dict[str, Any]]]:
    """Answers, attribution and consents. Unknown keys are answers, and so is a field of ours that the form does not ask;
    a lead is never dropped over one."""
    answers = {key: one for key, one in values.items() if key not in fields and key not in RESERVED and not key.startswith("_")}
    answers = {key: one for key, one in answers.items() if key not in ATTRIBUTION and not (key in LIMITS and _is_blank(one))}
    if len(answers) > MAX_ANSWERS:
        raise NotAnswerable("answers", f"Please send at most {MAX_ANSWERS} answers.")
    for key, value in answers.items():
        if len(key) > 100:
            raise NotAnswerable("answers", "Please use at most 100 characters for the name of an answer.")
        _check_answer(key, value, 0)
    return answers, _attribution(values), _consents(values.get("consents"))


def _is_blank(value: Any) -> bool:
    return not value.strip() if isinstance(value, str) else value is None


def _check_answer(key: str, value: Any, depth: int) -> None:
    if "\x00" in key or (isinstance(value, str) and "\x00" in value):
        raise NotAnswerable("answers", "Please remove the invisible characters from the answers.")
    if depth > MAX_DEPTH:
        raise NotAnswerable("answers", f"Please nest answers at most {MAX_DEPTH} deep.")
    if isinstance(value, dict):
        for name, inner in value.items():
            _check_answer(str(name), inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check_answer(key, inner, depth + 1)
    elif isinstance(value, str) and len(value) > MAX_TEXT:
        raise NotAnswerable("answers", f"Please use at most {MAX_TEXT} characters for an answer.")


def _attribution(values: Mapping[str, Any]) -> dict[str, str]:
    """Where the person came from, capped; addresses without user names and fragments."""
    given = values.get("attribution")
    source = {
        **{name: values[name] for name in ATTRIBUTION if name in values},
        **(given if isinstance(given, dict) else {}),
    }
    if isinstance(page := source.get("landing_page"), str) and "?" in page:
        source = _marks_in(page[:4000]) | source
    first = sorted(source.items(), key=lambda one: one[0] not in ATTRIBUTION)  # what we know, before what may not fit
    kept = {_CONTROL.sub("", str(k))[:100]: _CONTROL.sub("", v)[:512] for k, v in first[:50] if isinstance(v, str) and v}
    room, found = MOST_ATTRIBUTION, {}
    for name, value in kept.items():
        if (size := len(name) + len(value)) <= room:
            found[name], room = _bare(value) if name in ("landing_page", "referrer") else value, room - size
    return found


def _marks_in(page: str) -> dict[str, str]:
    """What the address of the page says, where nobody said it otherwise."""
    query = page.partition("?")[2].partition("#")[0]
    return {name: said for name, said in parse_qsl(query) if name in ATTRIBUTION}


def _bare(url: str) -> str:
    start, separator, rest = url.split("#")[0].partition("://")
    host, slash, path = rest.partition("/")
    return start + separator + host.rpartition("@")[2] + slash + path


def _consents(given: Any) -> list[dict[str, Any]]:
    if given is None:
        return []
    if not isinstance(given, list) or len(given) > 20:
        raise NotAnswerable("consents", "Please send consents as a list of at most 20.")
    kept = []
    for one in given:
        if not isinstance(one, dict) or not isinstance(one.get("channel"), str) or not isinstance(one.get("granted"), bool):
            raise NotAnswerable("consents", "Each consent needs a channel (text) and granted (true or false).")
        purpose, text = one.get("purpose"), one.get("text")
        if (
            not isinstance(purpose, str | None)
            or not isinstance(text, str | None)
            or "\x00" in f"{one['channel']}{purpose}{text}"
        ):
            raise NotAnswerable("consents", "The purpose and the text of a consent are text.")
        kept.append(
            {
                "channel": one["channel"][:200],
                "purpose": purpose and purpose[:200],
                "granted": one["granted"],
                "text": (text or "")[:5000],
                **{name: one[name][:200] for name in SHOWN if isinstance(one.get(name), str) and "\x00" not in one[name]},
            }
        )
    return kept


def said(form: str, content: Mapping[str, Any], held: str | None) -> list[Any]:
    """The same person saying the same thing on the same form. Where they came from does not count; what was set aside
    does not answer for what is not; under one key it gives way to it."""
    return [form, held, *(content.get(name) for name in ("fields", "answers", "consents", "external_id", "test"))]


def content_key(said: bytes) -> bytes:
    """The name of what was said, written with its keys in order."""
    return hashlib.sha256(b"content\0" + said).digest()


def idempotency_key(*parts: str) -> bytes:
    """A sender's key within its scope: the same key of somebody else, or on another form, is another one."""
    return hashlib.sha256(b"idempotency\0" + "\0".join(parts).encode()).digest()


def page_key(submission_id: str, said_key: bytes) -> bytes:
    """One filling-in of a form: sent twice it is one, but somebody who goes back and corrects it says something new."""
    return hashlib.sha256(b"page\0" + submission_id.encode("utf-8", "surrogatepass") + said_key).digest()
