"""Senders without a signature of their own: any JSON or form, WPForms, Contact Form 7, Elementor, Standard Webhooks."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from services.intake.adapters.senders import signatures
from services.intake.adapters.senders.described import Described, values_of
from services.intake.adapters.senders.post import Heard, Post, Reading, Values

IDS = ("external_id", "submission_id", "entry_id", "event_id", "lead_id", "uuid")
INSIDE = ("data", "payload", "submission", "form_response", "form_data", "lead", "contact", "customer", "person", "record")


def generic(values: Values, post: Post) -> Heard:
    """Any names we can recognise, at the top or one object further in."""
    told = flat(values)
    given = (told[key] for key in IDS if isinstance(told.get(key), str | int) and not isinstance(told[key], bool))
    own = next((str(one) for one in given if one != ""), None)
    if own is not None:
        told = told | {"external_id": own}
    return Heard([Reading(told, own and repeatable(own, post))])


def repeatable(own: str, post: Post) -> str:
    """An id that may be another thing than we think counts only together with the content."""
    return f"{own}:{hashlib.sha256(post.body).hexdigest()}"


def flat(values: Values) -> Values:
    """[{name, value}] as an object; the one object the lead is wrapped in opened."""
    fields = values.get("fields")
    if isinstance(fields, list):
        named = [one for one in fields if isinstance(one, dict) and isinstance(one.get("name"), str)]
        if named:
            rest = {key: value for key, value in values.items() if key != "fields"}
            return rest | {one["name"]: one.get("value") for one in named}
    if isinstance(fields, dict) and any(isinstance(one, dict) for one in fields.values()):
        return {key: value for key, value in values.items() if key != "fields"} | described(fields)
    for key in INSIDE:
        if isinstance(values.get(key), dict) and _is_the_lead(values[key], values):
            return {name: value for name, value in values.items() if name != key} | flat(values[key])
    return values


def _is_the_lead(inner: Values, values: Values) -> bool:
    """Nobody is named outside it; or, as Netlify has it, the same person once more, with everything they filled in."""
    return not {"email", "phone"} & set(values) or ("email" in inner and inner["email"] == values.get("email"))


def described(fields: dict[str, Any]) -> Values:
    """{id: {title | name, type, value}}, as WPForms and Elementor's advanced data have it."""
    found = []
    for key, one in fields.items():
        if isinstance(one, dict):
            title = one.get("title") or one.get("name") or one.get("label") or ""
            value = one.get("value") if one.get("value") is not None else one.get("raw_value")
            found.append(Described(str(key), str(title), str(one.get("type", "")), value))
        else:
            found.append(Described(str(key), "", "", one))
    return values_of(found)


def elementor(values: Values, post: Post) -> Heard:
    """fields[email][value] and its kin, or plain label: value."""
    nested: Values = unbracket(values)
    told = flat(nested)
    for part in ("form", "meta"):
        inner = told.pop(part, None)
        if isinstance(inner, dict):
            for key, one in inner.items():
                told.setdefault(key if part == "meta" else f"form_{key}", one.get("value") if isinstance(one, dict) else one)
    return Heard([Reading(told)])


def unbracket(values: Values) -> Values:
    """{"a[b][c]": 1} as {"a": {"b": {"c": 1}}}."""
    nested: Values = {}
    for key, value in values.items():
        head, *rest = key.replace("]", "").split("[")
        place = nested
        for step, part in zip([head, *rest], rest, strict=False):
            inner = place.setdefault(step, {})
            if not isinstance(inner, dict):
                inner = place[step] = {"value": inner}
            place, head = inner, part
        place[head] = value
    return nested


def standard(values: Values, post: Post) -> Heard:
    """Standard Webhooks: {type, timestamp, data}; the id in the header is the same over all retries."""
    data = values["data"] if isinstance(values.get("data"), dict) else values
    return Heard([Reading(flat(data), post.headers.get("webhook-id"))])


@dataclass(frozen=True, slots=True)
class PlainSender:
    """A sender that shows its secret, or has none but the endpoint's id."""

    reads: Callable[[Values, Post], Heard]
    needs_secret: bool = False
    verifies: Callable[[Post, Sequence[str]], bool] = signatures.presented

    def verify(self, post: Post, secrets: Sequence[str]) -> bool:
        return self.verifies(post, secrets)

    def read(self, values: Values, post: Post) -> Heard:
        return self.reads(values, post)
