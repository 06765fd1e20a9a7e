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
_CHANNELS = (("sms", r"sms|text"), ("email", r"e?-?mail|newsletter"), ("phone", r"call|phone|ring"))


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
    """A ticked box that names a channel is consent in these words; an unticked one is none, and stays an answer."""
    if not (value is True or str(value).strip().lower() in TICKED):
        return None
    channel = next((channel for channel, words in _CHANNELS if re.search(rf"(?:\b|_)(?:{words})", text.lower())), None)
    return channel and {"channel": channel, "granted": True, "text": text}  # type: ignore[return-value]
