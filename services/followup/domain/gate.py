"""May this touch be sent now? Asked on every attempt, in the transaction that commits the intent to send."""

from collections.abc import Collection
from datetime import datetime


def reason_not_to_send(
    *, purpose: str, expires_at: datetime, now: datetime, erased: bool, has_address: bool, suppressed: Collection[str]
) -> str | None:
    """The first reason, in a fixed order; None where nothing speaks against it."""
    if erased:
        return "erased"
    if "all" in suppressed or purpose in suppressed:
        return "opt_out"
    if not has_address:
        return "no_address"
    if now >= expires_at:
        return "expired"
    return None
