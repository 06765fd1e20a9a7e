"""Typeform: every answer says its type; the title of its question is in the definition. Signed in base64, not hex."""

from collections.abc import Sequence
from typing import Any

from services.intake.adapters.senders.described import Described, values_of
from services.intake.adapters.senders.post import Heard, NotUnderstood, Post, Reading, Values
from services.intake.adapters.senders.signatures import base64_digest, by_header

_verify = by_header("typeform-signature", "sha256=", base64_digest)


class Typeform:
    needs_secret = False

    def verify(self, post: Post, secrets: Sequence[str]) -> bool:
        return _verify(post, secrets)

    def read(self, values: Values, post: Post) -> Heard:
        response = values.get("form_response")
        if not isinstance(response, dict) or not isinstance(response.get("answers"), list):
            raise NotUnderstood("There is no form_response with answers.")
        definition = response.get("definition")
        fields = definition.get("fields") if isinstance(definition, dict) else None
        titles = {one.get("id"): str(one.get("title", "")) for one in fields or [] if isinstance(one, dict)}
        described = [_described(one, titles) for one in response["answers"] if isinstance(one, dict)]
        told = values_of(described)
        hidden = response.get("hidden")
        told |= {key: value for key, value in (hidden if isinstance(hidden, dict) else {}).items() if key not in told}
        token = response.get("token")
        told["external_id"] = token
        if values.get("event_type") != "form_response":
            own = f"unfinished:{values.get('event_id') or token}"
            return Heard([Reading(told, own, held="not a finished response")])
        return Heard([Reading(told, str(token or values.get("event_id") or "") or None)])


def _described(answer: Values, titles: dict[Any, str]) -> Described:
    field = answer["field"] if isinstance(answer.get("field"), dict) else {}
    value = answer.get(str(answer.get("type")))
    if isinstance(value, dict):  # one choice, or several
        labels, other = value.get("labels"), value.get("other")
        value = [*labels, other] if labels and other else labels or value.get("label") or other or value
    ref, title = str(field.get("ref", "")), titles.get(field.get("id"), "")
    return Described(ref, title, str(field.get("type", "")), value)
