"""CallRail (calls, texts, forms) and Thumbtack (requests): somebody else took the hand that was raised."""

from collections.abc import Sequence
from typing import Any

from services.intake.adapters.senders.post import Heard, NotUnderstood, Post, Reading, Values
from services.intake.adapters.senders.signatures import base64_digest, by_header, presented


def _sha1(secret: str, body: bytes) -> str:
    return base64_digest(secret, body, "sha1")


_callrail_signature = by_header("signature", "", _sha1)


class CallRail:
    needs_secret = False

    def verify(self, post: Post, secrets: Sequence[str]) -> bool:
        return _callrail_signature(post, secrets)

    def read(self, values: Values, post: Post) -> Heard:
        own = values.get("resource_id") or values.get("id")
        told: Values = {
            key: value for key, value in values.items() if not key.startswith("formatted_") and value not in ("", None)
        }
        form = told.pop("form_data", None)
        told = (form if isinstance(form, dict) else {}) | told
        told["external_id"] = str(own) if own is not None else None
        told["phone"] = told.get("customer_phone_number") or told.pop("source_number", None) or told.get("caller_number")
        told.pop("destination_number", None)
        told.pop("tracking_phone_number", None)
        if "call_type" in values or "duration" in values or "answered" in values:
            told.setdefault("message", _call(values))
        held = "a call made by us" if values.get("direction") == "outbound" else None
        return Heard([Reading(told, str(own) if own else None, held)])


def _call(values: Values) -> str:
    """A call in one line; what was said, where it was written down."""
    said = next((values[key] for key in ("transcription", "note", "call_summary") if isinstance(values.get(key), str)), "")
    answered = "answered" if values.get("answered") in (True, "true") else "not answered"
    kind = "Voicemail" if values.get("call_type") == "voicemail" else "Phone call"
    return f"{kind}, {values.get('duration') or 0} s, {answered}. {said}".strip()


class Thumbtack:
    needs_secret = False

    def verify(self, post: Post, secrets: Sequence[str]) -> bool:
        return presented(post, secrets)

    def read(self, values: Values, post: Post) -> Heard:
        lead = values["data"] if isinstance(values.get("data"), dict) else values
        customer, request = lead.get("customer"), lead.get("request")
        if not isinstance(customer, dict) or not isinstance(request, dict):
            raise NotUnderstood("There is no customer and request.")
        own = lead.get("leadID") or lead.get("negotiationID")
        told: Values = {key: customer[key] for key in ("name", "firstName", "lastName", "phone", "email") if customer.get(key)}
        told |= {key: request[key] for key in ("title", "schedule", "travelPreferences") if request.get(key)}
        category = request.get("category")
        told["category"] = category.get("name") if isinstance(category, dict) else category
        told["message"] = request.get("description")
        told |= _questions(request.get("details"))
        location = request["location"] if isinstance(request.get("location"), dict) else {}
        told |= {"postal_code": location.get("zipCode"), "city": location.get("city"), "state": location.get("state")}
        told |= {"external_id": str(own) if own else None, "lead_type": lead.get("leadType")}
        if lead.get("leadType") == "ESTIMATION":
            told["selection"] = "estimate"
        told["attribution"] = {"utm_source": "thumbtack"}
        return Heard([Reading(told, str(own) if own else None)])


def _questions(details: Any) -> Values:
    asked = [one for one in details or [] if isinstance(one, dict) and isinstance(one.get("question"), str)]
    return {one["question"]: one.get("answer") for one in asked}
