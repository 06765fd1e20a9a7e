"""The numbers of the scoreboard: which there are, whose they are, and how they come from what was counted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Metric:
    """`promise`: the name of what a team promised in the agreement, a percentage at least."""

    name: str
    team: str
    unit: str
    promise: str = ""


METRICS = (
    Metric("hand_raises", "marketing", "leads"),
    Metric("mql", "marketing", "leads"),
    Metric("contactable_rate", "marketing", "percent", "contactable"),
    Metric("accepted_rate", "marketing", "percent", "accepted"),
    Metric("cost", "marketing", "money"),
    Metric("cost_per_mql", "marketing", "money"),
    Metric("offered", "sales", "leads"),
    Metric("sal", "sales", "leads"),
    Metric("contacted", "sales", "leads"),
    Metric("sales_qualified", "sales", "leads"),
    Metric("proposed", "sales", "leads"),
    Metric("won", "sales", "leads"),
    Metric("lost", "sales", "leads"),
    Metric("recycled", "sales", "leads"),
    Metric("speed_to_lead_p50", "sales", "seconds"),
    Metric("speed_to_lead_p90", "sales", "seconds"),
    Metric("speed_to_lead_business_p50", "sales", "seconds"),
    Metric("speed_to_lead_business_p90", "sales", "seconds"),
    Metric("sla_kept_rate", "sales", "percent", "sla_kept"),
    Metric("win_rate", "both", "percent"),
    Metric("conversion_rate", "both", "percent"),
    Metric("revenue", "both", "money"),
    Metric("repeat_revenue", "both", "money"),
    Metric("clients", "both", "clients"),
    Metric("touches_sent", "both", "touches"),
    Metric("reviews", "both", "reviews"),
    Metric("referrals", "both", "referrals"),
    Metric("reviews_per_100_touches", "both", "per 100 touches"),
    Metric("referrals_per_100_touches", "both", "per 100 touches"),
)
STEPS = ("hand_raises", "mql", "offered", "sal", "contacted", "sales_qualified", "proposed", "won", "lost", "recycled")
Money = dict[str, str]


def numbers_of(counted: Mapping[str, Any]) -> dict[str, Any]:
    """Every number from what was counted. A rate of nothing is None, never 0 nor 100."""
    count = {name: int(counted.get(name) or 0) for name in (*STEPS, "mql_accepted", "mql_not_contactable")}
    kept = sum(int(counted.get(name) or 0) for name in ("answers_kept", "touches_kept"))
    broken = sum(int(counted.get(name) or 0) for name in ("answers_broken", "touches_broken"))
    sent = int(counted.get("touch.sent") or 0)
    reviews, referrals = int(counted.get("review.received") or 0), int(counted.get("referral.received") or 0)
    cost: Mapping[str, Decimal] = counted.get("cost") or {}
    return {
        **{name: count[name] for name in STEPS},
        "contactable_rate": percent(count["mql"] - count["mql_not_contactable"], count["mql"]),
        "accepted_rate": percent(count["mql_accepted"], count["mql"]),
        "cost": _money(cost),
        "cost_per_mql": _money({currency: spent / count["mql"] for currency, spent in cost.items() if count["mql"]}),
        **_speeds(counted),
        "sla_kept_rate": percent(kept, kept + broken),
        "win_rate": percent(count["won"], count["sales_qualified"]),
        "conversion_rate": percent(count["won"], count["hand_raises"]),
        "revenue": _money(counted.get("revenue") or {}),
        "repeat_revenue": _money(counted.get("repeat_revenue") or {}),
        "clients": int(counted.get("client.created") or 0),
        "touches_sent": sent,
        "reviews": reviews,
        "referrals": referrals,
        "reviews_per_100_touches": percent(reviews, sent),
        "referrals_per_100_touches": percent(referrals, sent),
    }


def first_day_from(at: datetime, zone: str) -> date:
    """The first day that begins there at this instant or later: spans that adjoin share no day, and leave none out."""
    day = at.astimezone(ZoneInfo(zone)).date()
    begins = datetime.combine(day, time.min, ZoneInfo(zone)).astimezone(UTC)
    return day if begins >= at else day + timedelta(days=1)


def span_before(since: datetime, until: datetime, zone: str) -> datetime:
    """When the span before begins: as many days earlier where both begin a day there, also where the clock changes."""
    start, end = (at.astimezone(ZoneInfo(zone)) for at in (since, until))
    if start.time() == end.time() == time.min:
        return (start - (end.date() - start.date())).astimezone(UTC)  # wall clock arithmetic
    return since - (until - since)


def percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None


def fairness(credit: int, members: int) -> dict[str, float]:
    """Leads owed to a rep (above 0) or had too many (below), and the bounds while everybody is available."""
    harmonic = sum(1 / n for n in range(1, members + 1))
    return {
        "owed": round(credit / 10**9, 3),
        "most_ahead": round(1 - 1 / members, 3),
        "most_behind": round(harmonic - 1, 3),
    }


def _speeds(counted: Mapping[str, Any]) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for name, prefix in (("clock", "speed_to_lead"), ("business", "speed_to_lead_business")):
        for suffix, seconds in zip(("p50", "p90"), counted.get(name) or (None, None), strict=True):
            found[f"{prefix}_{suffix}"] = None if seconds is None else round(seconds)
    return found


def _money(amounts: Mapping[str, Decimal]) -> Money:
    """By currency: amounts of different money are never added."""
    return {currency: f"{amount:.2f}" for currency, amount in sorted(amounts.items()) if amount}
