"""Which reasons are agreed on. Only these go into facts and onto the scoreboard: what else is typed may name somebody."""

from services.handoff.domain.rules import reason_key
from shared.agreement import Agreement

OTHER = "other"
OURS = frozenset(
    {
        *("rep left", "merged", "erased", "reassigned", "claimed", "taken back"),
        *("not accepted in time", "the client was not reached in time"),
    }
)
MARKETINGS = ("spam", "wrong_number", "out_of_area", "duplicate", "vendor", "job_seeker", "not_interested", "test")


class NotListed(ValueError):
    """The agreement lists the reasons for this step, and this is none of them."""


def known_reasons(agreement: Agreement | None) -> dict[str, str]:
    """Every reason that has no person in it, by its key, as the agreement spells it."""
    listed = [*OURS, *MARKETINGS]
    if agreement is not None:
        listed += [one for metric in agreement.metrics.values() for one in metric.reasons]
        listed += agreement.refund_reasons + agreement.recycle_reasons + agreement.lost_reasons + agreement.decline_reasons
    return {reason_key(one): one for one in listed}


def agreed_reason(agreement: Agreement, command: str, reason: str) -> str:
    """A rep's reason as the agreement spells it; an empty list takes any. Raises NotListed."""
    lists = {
        "declined": agreement.decline_reasons,
        "lost": agreement.lost_reasons,
        "recycled": agreement.recycle_reasons,
    }
    listed = {reason_key(one): one for one in lists[command]}
    found = listed.get(reason_key(reason)) if listed else reason
    if found is None:
        raise NotListed(f"The agreement has no such reason; it has: {', '.join(listed.values())}.")
    return found
