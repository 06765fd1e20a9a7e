"""When to ask an unreachable sender again: soon at first, then ever more seldom, for two weeks."""

from datetime import datetime, timedelta

STEPS = (5, 30, 120, 600, 1800)  # seconds; afterwards once an hour
GIVE_UP_AFTER = timedelta(days=14)
MENDED_WITHIN = timedelta(days=3)  # the rights of a token, a weekend between


def next_attempt_at(now: datetime, attempts: int, after_seconds: int | None = None) -> datetime:
    """`attempts` were made; a sender that says when is obeyed, within a day."""
    wait = STEPS[attempts - 1] if 0 < attempts <= len(STEPS) else 3600
    return now + timedelta(seconds=max(wait, min(after_seconds or 0, 86400)))


def is_hopeless(received_at: datetime, now: datetime) -> bool:
    return now - received_at > GIVE_UP_AFTER


def is_gone(received_at: datetime, now: datetime) -> bool:
    """Whether a lead the sender says it does not have is gone: at first it may only be hidden from us."""
    return now - received_at > MENDED_WITHIN
