"""Senders that describe each field: its name, its title, its type. The type says more than either name."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from services.intake.adapters.senders.post import Values
from services.intake.domain.aliases import ALIASES, plain

TYPES = {
    "email": "email",
    "phone_number": "phone",
    "phone": "phone",
    "tel": "phone",
    "long_text": "message",
    "textarea": "message",
    "name": "name",
}
BOXES = {"legal", "acceptance", "gdpr-checkbox", "gdpr", "consent"}
TICKED = {"1", "on", "yes", "true", "checked"}
_CHANNELS = (
    ("sms", r"sms|text message|(?<!the )(?<!this )text(?! above| below)"),
    ("email", r"e?-?mail|newsletter"),
    ("phone", r"call|phone|ring"),
)
_WAYS = r"(?:send|contact|call|text|sms|e?-?mail|phone|ring)"
_REFUSES = re.compile(  # not what only says how to end it: "Consent is not a condition of purchase. Reply STOP to opt out."
    rf"(?<!we )(?<!will )(?<!'ll )\b(?:do not|don['\u2019]?t|never|not to) (?:want|wish|receive|{_WAYS}|be {_WAYS}ed)\b"
    rf"|\bno (?:marketing |more )?{_WAYS}s?\b"
    r"|^(?:please )?(?:unsubscribe|opt(?: me)?[ -]?out|remove|stop)\b|\bopt me out\b|^\w+ opt[ -]?out$"
)
_KEEPS = re.compile(  # what somebody is called is no way to them
    r"\b(?:my|data|information|details)\b.*\b(?:stored|saved|processed|collected)\b|\b(?:sav|stor|process|collect)(?:e|ing)? my\b"
)
_REACHES = re.compile(rf"\b(?:send|receive|contact(?:ed)?|newsletters?|{_WAYS} (?:me|us)|(?:by|via) {_WAYS})\b")


@dataclass(frozen=True, slots=True)
class Described:
    name: str
    title: str
    type: str
    value: Any


def values_of(fields: Iterable[Described]) -> Values:
    """The values by our names where type, name or title tells; else by their title."""
    values: Values = {}
    consents = []
    for field in fields:
        if field.value is None:
            continue
        if field.type in BOXES and (consent := ticked_box(field.title or field.name, field.value)):
            consents.append(consent)
            continue
        key = _key_of(field)
        values[key if key not in values else field.title or field.name] = field.value
    return values | ({"consents": consents} if consents else {})


def _key_of(field: Described) -> str:
    if field.type in TYPES:
        return TYPES[field.type]
    for name in (field.name, field.title):
        if plain(name) in ALIASES:
            return ALIASES[plain(name)]
    return field.name if re.search(r"[a-z]{3}", plain(field.name)) and not field.title else field.title or field.name


def ticked_box(text: str, value: Any) -> dict[str, Any] | None:
    """A ticked box that names a channel is consent in these words; an unticked one is none, and stays an answer. So does one
    that refuses, or only says that something was read or is kept."""
    said = text.lower().replace("_", " ")
    if not (value is True or str(value).strip().lower() in TICKED) or _REFUSES.search(said):
        return None
    if _KEEPS.search(said) and not _REACHES.search(said):
        return None
    channel = next((channel for channel, words in _CHANNELS if re.search(rf"\b(?:{words})", said)), None)
    return channel and {"channel": channel, "granted": True, "text": text}  # type: ignore[return-value]
