"""Which leads must not be routed."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

WAYS = {"email": ("email",), "phone": ("phone", "sms")}  # a contact's field, and the channels that use it


def is_contactable(contact: Mapping[str, Any], consents: Sequence[Mapping[str, Any]]) -> bool:
    """Whether some way is left to reach the person: a refusal without a purpose means nothing at all on that channel."""
    refused = {one["channel"] for one in consents if not one["granted"] and not one.get("purpose")}
    return any(contact.get(field) and not refused.issuperset(channels) for field, channels in WAYS.items())


def may_go(snapshot: Mapping[str, Any], said: Collection[Mapping[str, Any]]) -> bool:
    """What was said since counts, channel by channel, over what stood on the lead."""
    later = [one for one in said if one["at"] >= datetime.fromisoformat(snapshot["received_at"])]
    named = {(one["channel"], one["purpose"]) for one in later}
    first = [one for one in snapshot["consents"] if (one["channel"], one.get("purpose") or "") not in named]
    return is_contactable(snapshot["contact"], [*first, *later])
