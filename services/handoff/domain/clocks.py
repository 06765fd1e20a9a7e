"""When promises are looked at: warnings at a share of the time, the end, in the pool's hours or by the clock."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from services.handoff.domain.calendar import NeverOpen
from services.handoff.domain.policy import Policy

ACCEPTANCE, FIRST_TOUCH = SLAS = ("acceptance", "first_touch")
NOT_REACHED = "the client was not reached in time"  # why an assignment was withdrawn that counts as a try
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

    def end(self, sla: str) -> datetime:
        return self.expires_at if sla == ACCEPTANCE else self.touch_by


@lru_cache(maxsize=256)  # the leads of a batch are offered in one moment
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


def hold_ends_at(policy: Policy, pool: str, tier: str, since: datetime) -> datetime:
    """When a held lead has waited too long. In a pool that is gone it has already."""
    return after(policy, pool, tier, since, policy.pools[pool].hold_for) if pool in policy.pools else since


@lru_cache(maxsize=256)
def first_look(policy: Policy, made: Promise) -> Look:
    """What comes first of all warnings and ends."""
    warnings = policy.tier(made.tier).warn_at[:1]
    return min(_look(policy, made, sla, percent) for sla in SLAS for percent in warnings or (100,))


def next_look(policy: Policy, made: Promise, last: Look, now: datetime) -> Look | None:
    """The look that follows. A warning that comes after its promise ended warns of nothing: it is left out."""
    percents = (*policy.tier(made.tier).warn_at, 100)
    looks = sorted(_look(policy, made, sla, percent) for sla in SLAS for percent in percents)
    over = {sla for sla in SLAS if made.end(sla) <= now}
    return next((one for one in looks if one > last and (one.percent == 100 or one.sla not in over)), None)


def _look(policy: Policy, made: Promise, sla: str, percent: int) -> Look:
    end, tier = made.end(sla), policy.tier(made.tier)
    if percent == 100:
        return Look(end, sla, 100)
    span = tier.accept_within if sla == ACCEPTANCE else tier.touch_within
    return Look(min(end, after(policy, made.pool, made.tier, made.offered_at, span * percent / 100)), sla, percent)


def look_again_at(until: datetime | None, since: datetime, now: datetime) -> datetime:
    """When a held lead is looked at again: when somebody works again, and meanwhile less and less often."""
    soon = now + min(max((now - since) / 4, FIRST_LOOK), LAST_LOOK)
    return min(until, soon) if until is not None and until > now else soon
