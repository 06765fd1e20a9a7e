"""When promises are looked at: warnings at a share of the time, the end, in the pool's hours or by the clock."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.handoff.domain.calendar import NeverOpen
from services.handoff.domain.policy import Policy

ACCEPTANCE, FIRST_TOUCH = "acceptance", "first_touch"
FIRST_LOOK, LAST_LOOK = timedelta(seconds=15), timedelta(minutes=1)


@dataclass(frozen=True, slots=True, order=True)
class Look:
    """At `due_at`, `percent` of the time for `sla` has run."""

    due_at: datetime
    sla: str
    percent: int


@dataclass(frozen=True, slots=True)
class Promise:
    """What an offer promises: the deadlines that were published, and whose hours count."""

    pool: str
    tier: str
    offered_at: datetime
    expires_at: datetime
    touch_by: datetime


def promise(policy: Policy, pool: str, tier: str, offered_at: datetime) -> Promise:
    spans = policy.tier(tier)
    ends = (after(policy, pool, tier, offered_at, span) for span in (spans.accept_within, spans.touch_within))
    return Promise(pool, tier, offered_at, *ends)


def after(policy: Policy, pool: str, tier: str, start: datetime, span: timedelta) -> datetime:
    """When that much of the pool's time has passed. A pool that never opens has the clock's."""
    if policy.tier(tier).always or pool not in policy.pools:
        return start + span
    try:
        return policy.pools[pool].calendar.add(start, span)
    except NeverOpen:
        return start + span


def next_look(policy: Policy, made: Promise, last: Look | None, now: datetime) -> Look | None:
    """The look that follows. A warning that comes after its promise ended warns of nothing: it is left out."""
    over = {sla for sla, end in _ends(made) if end <= now}
    for look in sorted(_looks(policy, made)):
        if (last is None or look > last) and (look.percent == 100 or look.sla not in over):
            return look
    return None


def _ends(made: Promise) -> tuple[tuple[str, datetime], ...]:
    return (ACCEPTANCE, made.expires_at), (FIRST_TOUCH, made.touch_by)


def _looks(policy: Policy, made: Promise) -> Iterator[Look]:
    tier = policy.tier(made.tier)
    spans = {ACCEPTANCE: tier.accept_within, FIRST_TOUCH: tier.touch_within}
    for sla, end in _ends(made):
        yield Look(end, sla, 100)
        for percent in tier.warn_at:
            yield Look(min(end, after(policy, made.pool, made.tier, made.offered_at, spans[sla] * percent / 100)), sla, percent)


def look_again_at(until: datetime | None, since: datetime, now: datetime) -> datetime:
    """When a held lead is looked at again: when somebody works again, and meanwhile less and less often."""
    soon = now + min(max((now - since) / 4, FIRST_LOOK), LAST_LOOK)
    return min(until, soon) if until is not None and until > now else soon
