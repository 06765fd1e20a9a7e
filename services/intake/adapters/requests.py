"""What senders send: JSON, urlencoded or multipart, in their encodings; and what they want to have back."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import orjson
from fastapi import Request
from starlette.formparsers import MultiPartException

from services.intake.adapters.form_files import is_bare, origin_of
from services.intake.domain.deliveries import is_too_deep
from services.intake.domain.forms import Form
from services.intake.domain.submissions import MAX_DEPTH
from shared.problem import Problem

REDIRECT_FIELDS = ("_redirect", "_next", "retURL", "return_url")
_PATH = re.compile(r"/(?![/\\])[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*", re.ASCII)
_CLIENT = re.compile(r"(?i:bearer) lh_([0-9a-f]{8})_", re.ASCII)
_KEY = re.compile(r'"?([\x21\x23-\x7e]{1,255})"?', re.ASCII)


def media_type_of(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def json_object(body: bytes) -> dict[str, Any]:
    try:
        values = orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise Problem(400, f"The body is not valid JSON: {str(error)[:200]}.") from error
    if not isinstance(values, dict):
        raise Problem(422, "Please send one JSON object.")
    return values


async def form_values(request: Request) -> dict[str, Any]:
    """The fields of a form; a field given more than once keeps all its values as a list."""
    media_type = media_type_of(request)
    if media_type == "application/json":
        found = json_object(await request.body())
        if is_too_deep(found):
            raise Problem(422, f"Please nest answers at most {MAX_DEPTH} deep.")
        return found
    if media_type == "application/x-www-form-urlencoded" or not media_type:
        pairs = _urlencoded(await request.body())
    elif media_type == "multipart/form-data":
        pairs = await _multipart(request)
    else:
        raise Problem(415, "Please send the form urlencoded, as multipart/form-data or as JSON.")
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            earlier = values[name]
            values[name] = [*earlier, value] if isinstance(earlier, list) else [earlier, value]
        else:
            values[name] = value
    return values


def _urlencoded(body: bytes) -> list[tuple[str, str]]:
    try:
        text = body.decode("utf-8")
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=200)
    except UnicodeDecodeError:
        try:  # old sites post in their own encoding; a name in it is better than a lost lead
            return parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="cp1252", max_num_fields=200)
        except (ValueError, UnicodeError) as error:
            raise Problem(400, "The form could not be read. Please send it as UTF-8.") from error
    except ValueError as error:
        raise Problem(422, "Please send at most 200 fields.") from error


async def _multipart(request: Request) -> list[tuple[str, str]]:
    """Of a file its name is an answer; a picker that was left empty says nothing."""
    try:
        async with request.form(max_files=20, max_fields=200) as form:
            pairs = [(name, value) for name, value in form.multi_items() if isinstance(value, str) or value.filename]
    except MultiPartException as error:
        raise Problem(400, f"The form could not be read: {error.message}") from error
    return [(name, value if isinstance(value, str) else str(value.filename)) for name, value in pairs]


def idempotency_key(request: Request) -> str | None:
    """The key, and before it whose it is: two clients that count from 1 are two clients."""
    given = request.headers.get("idempotency-key")
    if given is None:
        return None
    if not (found := _KEY.fullmatch(given.strip())):
        raise Problem(400, "An Idempotency-Key has 1 to 255 visible characters.")
    client = _CLIENT.match(request.headers.get("authorization", ""))
    return f"{client[1] if client else ''} {found[1]}"


def wants_json(request: Request) -> bool:
    accept = request.headers.get("accept", "")
    return media_type_of(request) == "application/json" or ("json" in accept and "html" not in accept)


def return_to(values: Mapping[str, Any], form: Form) -> str:
    """A path of this site or an address the form allows; anything else is ignored: no open redirect."""
    for name in REDIRECT_FIELDS:
        wanted = values.get(name)
        if isinstance(wanted, str) and len(wanted) < 2000 and (_PATH.fullmatch(wanted) or _is_allowed(wanted, form.return_urls)):
            return wanted
    return f"/f/{form.key}/thanks"


def _is_allowed(wanted: str, return_urls: Sequence[str]) -> bool:
    """An allowed origin allows its pages; an allowed page itself, with any query."""
    origin = origin_of(wanted)
    if origin is None or not _PATH.fullmatch("/" + re.sub("^[^/]*//[^/?#]*", "", wanted).lstrip("/")):
        return False
    return any(
        wanted.partition("?")[0] == allowed.partition("?")[0] or (is_bare(allowed) and origin == origin_of(allowed))
        for allowed in return_urls
    )
