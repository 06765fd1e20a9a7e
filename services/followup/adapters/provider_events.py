"""What mail providers tell by webhook or by mail, in their own shapes, as one kind of value."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import orjson

from services.followup.domain.bounces import Failure, Verdict, verdict_of
from shared.database import storable

Kind = Literal["bounce", "complaint", "unsubscribed", "delivered"]
MAX_EVENTS = 1_000
_SES_VERDICTS: dict[str, Verdict] = {"Permanent": "hard", "Transient": "soft"}
_SENDGRID: dict[str, Kind] = {
    "bounce": "bounce",
    "dropped": "bounce",
    "spamreport": "complaint",
    "unsubscribe": "unsubscribed",
    "group_unsubscribe": "unsubscribed",
    "delivered": "delivered",
}
_MAILGUN: dict[str, Kind] = {
    "failed": "bounce",
    "complained": "complaint",
    "unsubscribed": "unsubscribed",
    "delivered": "delivered",
}
_POSTMARK: dict[str, Kind] = {"Bounce": "bounce", "SpamComplaint": "complaint", "Delivery": "delivered"}
_POSTMARK_MACHINES = {"AutoResponder", "ChallengeVerification", "Subscribe"}  # told as bounces, and none
_POSTMARK_HARD = {"HardBounce", "BadEmailAddress", "AddressChange", "ManuallyDeactivated"}


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that happened to one address. `ref` is the provider's own id of it: a repeat has the same."""

    kind: Kind
    address: str
    ref: str
    verdict: Verdict = "unclear"


class TooMany(ValueError):
    """More than one transaction should hold: none of them is heard."""


def read_events(body: bytes) -> list[Told]:
    """Amazon SES (through SNS), SendGrid, Mailgun and Postmark. Raises ValueError for what is none of them."""
    found = orjson.loads(body)
    if isinstance(found, dict) and isinstance(found.get("Message"), str):
        found = orjson.loads(found["Message"])  # SNS wraps it once more
    events = found if isinstance(found, list) else [found]
    if not all(isinstance(one, dict) for one in events):
        raise ValueError("a webhook's body is a JSON object, or a list of them")
    if len(events) > MAX_EVENTS:
        raise TooMany(f"These are more than {MAX_EVENTS:,} events: send them in smaller batches.")
    return [_storable(told) for one in events for told in _read(one)]


def _storable(told: Told) -> Told:
    return replace(told, address=storable(told.address), ref=storable(told.ref))


def _read(event: dict[str, Any]) -> Iterator[Told]:
    if "notificationType" in event or "eventType" in event:
        yield from _ses(event)
    elif "RecordType" in event:
        yield from _postmark(event)
    elif isinstance(event.get("event-data"), dict):
        yield from _mailgun(event["event-data"])
    elif isinstance(event.get("event"), str) and "email" in event:
        yield from _sendgrid(event)
    else:
        raise ValueError("this is no event of a mail provider we know")


def _ses(event: dict[str, Any]) -> Iterator[Told]:
    kind = str(event.get("notificationType") or event.get("eventType"))
    mail = str((event.get("mail") or {}).get("messageId", ""))
    if kind == "Bounce":
        bounce = event["bounce"]
        for one in bounce.get("bouncedRecipients", []):
            verdict = _SES_VERDICTS.get(str(bounce.get("bounceType")), "unclear")
            words = Failure((), "failed", str(one.get("status", "")), str(one.get("diagnosticCode", "")))
            if verdict == "hard" and words.words and verdict_of(words) == "blocked":
                verdict = "blocked"
            yield Told("bounce", str(one["emailAddress"]), f"ses:{bounce.get('feedbackId', mail)}", verdict)
    elif kind == "Complaint":
        for one in event["complaint"].get("complainedRecipients", []):
            yield Told("complaint", str(one["emailAddress"]), f"ses:{event['complaint'].get('feedbackId', mail)}")
    elif kind == "Delivery":
        for address in event["delivery"].get("recipients", []):
            yield Told("delivered", str(address), f"ses:{mail}:delivered")
    elif kind == "Subscription" and event["subscription"]["newTopicPreferences"].get("unsubscribeAll"):
        for address in event["mail"].get("destination", []):
            yield Told("unsubscribed", str(address), f"ses:{mail}:{event['subscription'].get('timestamp', '')}")


def _sendgrid(event: dict[str, Any]) -> Iterator[Told]:
    kind = _SENDGRID.get(event["event"])
    if kind is not None:
        blocked = event.get("type") == "blocked"
        words = Failure((), "failed", str(event.get("status", "")), str(event.get("reason", "")))
        verdict: Verdict = "blocked" if blocked else verdict_of(words) if kind == "bounce" else "unclear"
        yield Told(kind, str(event["email"]), f"sendgrid:{event.get('sg_event_id', '')}", verdict)


def _mailgun(event: dict[str, Any]) -> Iterator[Told]:
    kind = _MAILGUN.get(str(event.get("event")))
    if kind is not None:
        status = event.get("delivery-status") or {}
        words = Failure(
            (), "failed", str(status.get("enhanced-code", "")), f"{status.get('code', '')} {status.get('message', '')}"
        )
        verdict: Verdict = "unclear"
        if kind == "bounce":
            verdict = "soft" if event.get("severity") == "temporary" else verdict_of(words)
        yield Told(kind, str(event["recipient"]), f"mailgun:{event.get('id', '')}", verdict)


def _postmark(event: dict[str, Any]) -> Iterator[Told]:
    kind, name = _POSTMARK.get(str(event["RecordType"])), str(event.get("Type", ""))
    by_hand = bool(event.get("SuppressSending")) and event.get("SuppressionReason") == "ManualSuppression"
    if name == "Unsubscribe" or (event["RecordType"] == "SubscriptionChange" and by_hand):
        kind = "unsubscribed"
    if kind is not None and name not in _POSTMARK_MACHINES:
        verdict: Verdict = "unclear"
        if kind == "bounce":
            verdict = "hard" if name in _POSTMARK_HARD else "blocked" if name in ("SpamNotification", "Blocked") else "soft"
        address = str(event.get("Email") or event.get("Recipient"))
        yield Told(kind, address, f"postmark:{event.get('ID', event.get('MessageID', ''))}", verdict)
