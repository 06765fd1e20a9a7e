"""What a client's own words allow: a fold over everything they said, by purpose and channel."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from services.followup.domain.plans import PURPOSES

EVERYTHING = "all"
# Suppressions only a person can judge, or nobody: the owner of the mailbox called it spam, or is no longer there.
NEVER_LIFTED = ("complaint", "erased", "litigator")
STRENGTH = {"litigator": 5, "complaint": 4, "erased": 3, "hard_bounce": 2, "mailbox_full": 0}


@dataclass(frozen=True, slots=True)
class Said:
    """One statement. No purpose means every purpose."""

    channel: str
    purpose: str | None
    granted: bool
    at: datetime
    expires_at: datetime | None = None

    def is_about(self, channel: str, purpose: str) -> bool:
        return self.channel == channel and self.purpose in (None, purpose)


def standing(said: Iterable[Said], channel: str, purpose: str, now: datetime) -> bool | None:
    """True: granted; False: refused; None: nothing was said. The newest statement counts; of two at once, the refusal."""
    about = [one for one in said if one.is_about(channel, purpose) and (one.expires_at is None or one.expires_at > now)]
    if not about:
        return None
    return max(about, key=lambda one: (one.at, not one.granted)).granted


def is_refused(said: Iterable[Said], channel: str, purpose: str, now: datetime) -> bool:
    """Whether they say no already; to everything: in one word, and to each purpose since."""
    said, purposes = list(said), [EVERYTHING, *PURPOSES] if purpose == EVERYTHING else [purpose]
    return all(standing(said, channel, one, now) is False for one in purposes)


def refusal(said: Iterable[Said], channel: str, purpose: str, now: datetime) -> str | None:
    """Why the client's words speak against it. Without any, a client may be written to; a text that sells needs a grant."""
    found = standing(said, channel, purpose, now)
    if found is False:
        return "opt_out"
    if found is None and channel == "sms" and purpose != "service":
        return "no_consent"
    return None


def refused_purposes(said: Iterable[Said], channel: str, now: datetime) -> list[str]:
    """What is refused on a channel; ["all"] where nothing is left."""
    said = list(said)
    refused = [purpose for purpose in PURPOSES if standing(said, channel, purpose, now) is False]
    return [EVERYTHING] if len(refused) == len(PURPOSES) else refused


def still_refused(said: Iterable[Said], channel: str, purpose: str, now: datetime) -> list[str]:
    """What a no closes that is perhaps not their last word: of everything, only what no newer yes has opened."""
    if purpose == EVERYTHING:
        return refused_purposes(said, channel, now)
    return [purpose] if is_refused(said, channel, purpose, now) else []


def stronger(one: str, other: str) -> str:
    """Which of two reasons for a suppression is kept."""
    return max(one, other, key=lambda reason: STRENGTH.get(reason, 1))


def may_lift(reason: str, suppressed_at: datetime, granted_at: datetime) -> bool:
    """A newer express consent lifts an opt-out; it cannot bring a mailbox back, nor undo a complaint."""
    return reason not in NEVER_LIFTED and granted_at > suppressed_at
