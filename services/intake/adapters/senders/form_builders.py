"""Jotform and Formstack: form builders that post their own wrapping around the fields."""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

import orjson

from services.intake.adapters.senders.plain_posts import unbracket
from services.intake.adapters.senders.post import Heard, NotUnderstood, Post, Reading, Values
from services.intake.adapters.senders.signatures import by_header, hex_sha256, presented, same
from services.intake.domain.aliases import guess, plain

_JOTFORM_OWN = """
slug jsExecutionTracker submitSource submitDate buildDate event_id timeToSubmit path uploadServerUrl eventObserver
validatedNewRequiredFieldIDs visitedPages formOpenId_V5
"""
JOTFORM_OWN = set(_JOTFORM_OWN.split())
_PARTS = "first middle last initial prefix suffix address address2 city state zip country value field_type"
PARTS = set(_PARTS.split())
_VALUE = re.compile(r"value = (.*)\r?\nfield_type = \w+\s*", re.DOTALL)
_formstack_signature = by_header("x-fs-signature", "sha256=", hex_sha256)


class Jotform:
    """No signature. The fields are JSON inside a field of the post; `pretty` cannot be parsed: answers have commas too."""

    needs_secret = False

    def verify(self, post: Post, secrets: Sequence[str]) -> bool:
        return presented(post, secrets)

    def read(self, values: Values, post: Post) -> Heard:
        try:
            fields = orjson.loads(values.get("rawRequest", ""))
        except (orjson.JSONDecodeError, TypeError) as error:
            raise NotUnderstood("rawRequest is not JSON.") from error
        if not isinstance(fields, dict):
            raise NotUnderstood("rawRequest is not a JSON object.")
        told: Values = {}
        for key, value in fields.items():
            if key not in JOTFORM_OWN:
                told[key if (bare := _bare(key)) in told else bare] = value
        own = values.get("submissionID")
        told |= {"external_id": own, "form_id": values.get("formID"), "form_title": values.get("formTitle")}
        return Heard([Reading(_with_postal_code(told), str(own) if own else None)])


def _bare(key: str) -> str:
    """q5_phoneNumber is phone_number; so is q5_phoneNumber5, as its templates name it."""
    head, _, rest = key.partition("_")
    return plain(rest).removesuffix(head[1:]) if rest and head[:1] == "q" and head[1:].isdigit() else key


class Formstack:
    """JSON or form; fields by name, or by number; the shared secret is in the body, or signs it."""

    needs_secret = False

    def verify(self, post: Post, secrets: Sequence[str]) -> bool:
        if "x-fs-signature" in post.headers:
            return _formstack_signature(post, secrets)
        return presented(post, secrets) or any(same(_handshake(post), secret) for secret in secrets)

    def read(self, values: Values, post: Post) -> Heard:
        told = {key: _unwrapped(value) for key, value in unbracket(values).items() if key != "HandshakeKey"}
        own = told.pop("UniqueID", None)
        told["external_id"] = own
        return Heard([Reading(guess(_with_postal_code(told)), str(own) if own else None)])


def _handshake(post: Post) -> str:
    try:
        values = orjson.loads(post.body)
    except orjson.JSONDecodeError:
        values = {key: found[0] for key, found in parse_qs(post.body.decode("utf-8", "replace")).items()}
    key = values.get("HandshakeKey") if isinstance(values, dict) else None
    return key if isinstance(key, str) else ""


def _unwrapped(value: Any) -> Any:
    """The bare value; a name or an address in its parts, which forms send as lines: "first = Grace"."""
    if isinstance(value, str):
        if found := _VALUE.fullmatch(value):
            return found[1].strip()
        lines = [line.partition(" =") for line in value.splitlines() if line.strip()]
        if lines and all(equals and part in PARTS for part, equals, _ in lines):
            value = {part: rest.strip() for part, _, rest in lines}
    return value["value"] if isinstance(value, dict) and "value" in value else value


def _with_postal_code(told: Values) -> Values:
    """An address is one answer; its postal code is a field of ours."""
    for value in list(told.values()):
        if isinstance(value, dict):
            code = next(
                (value[key] for key in ("zip", "postal", "postal_code", "zipCode") if isinstance(value.get(key), str)), ""
            )
            if code and "postal_code" not in told:
                told["postal_code"] = code
    return told
