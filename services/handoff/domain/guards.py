"""Which leads must not be routed."""

from collections.abc import Mapping, Sequence
from typing import Any

WAYS = {"email": ("email",), "phone": ("phone", "sms")}  # a contact's field, and the channels that use it


def is_contactable(contact: Mapping[str, Any], consents: Sequence[Mapping[str, Any]]) -> bool:
    """Whether some way is left to reach the person: a refusal without a purpose means nothing at all on that channel."""
    refused = {one["channel"] for one in consents if not one["granted"] and not one.get("purpose")}
    return any(contact.get(field) and not refused.issuperset(channels) for field, channels in WAYS.items())
