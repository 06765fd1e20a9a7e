"""May this touch be sent now? Asked on every attempt, in the transaction that commits the intent to send."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AtTheGate:
    """Everything the answer depends on, read under the client's lock."""

    purpose: str
    expires_at: datetime
    erased: bool = False
    stopped: str | None = None  # client.moved, client.asked_to_stop, the enrolment's own end
    already_sent: bool = False
    suppressed: Collection[str] = ()  # purposes; "all": nothing at all
    refusal: str | None = None  # what the client's own words say (domain/consent.py)
    has_address: bool = True
    opens_at: datetime | None = None  # outside its hours: when they begin
    cap: str | None = None  # a cap that one more touch would break
    cap_until: datetime | None = None  # where the plan rolls such a touch: to when
    back_at: datetime | None = None  # the other side, or our own governor, asks for a pause until then


@dataclass(frozen=True, slots=True)
class Refusal:
    """Not sent, and why. With `until`: not now, but perhaps then."""

    reason: str
    until: datetime | None = None

    @property
    def state(self) -> str:
        return "expired" if self.reason == "expired" else "skipped"


def refuse(asked: AtTheGate, now: datetime) -> Refusal | None:
    """The first reason, in a fixed order; None where nothing speaks against it."""
    final = [
        (asked.erased, "erased"),
        (asked.stopped is not None, asked.stopped or ""),
        (asked.already_sent, "already_sent"),
        ("all" in asked.suppressed or asked.purpose in asked.suppressed, "opt_out"),
        (asked.refusal is not None, asked.refusal or ""),
        (not asked.has_address, "no_address"),
        (now >= asked.expires_at, "expired"),
    ]
    for applies, reason in final:
        if applies:
            return Refusal(reason)
    for until, reason in ((asked.opens_at, "quiet hours"), (asked.back_at, "paused")):
        if until is not None:
            return Refusal("expired") if until >= asked.expires_at else Refusal(reason, until)
    if asked.cap is None:
        return None
    rolls = asked.cap_until is not None and asked.cap_until < asked.expires_at
    return Refusal(asked.cap, asked.cap_until if rolls else None)
