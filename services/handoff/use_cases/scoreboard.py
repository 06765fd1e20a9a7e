"""The scoreboard of both teams: counted from its lines under one version of the agreement, beside the span before."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from services.handoff import store
from services.handoff.domain.metrics import METRICS, fairness, first_day_from, numbers_of, span_before
from services.handoff.domain.rules import reason_key
from services.handoff.use_cases.policy import parse_agreement
from shared.agreement import Agreement, Metric
from shared.database import Transaction

MOST_ROWS = 1000
UNDEFINED = Metric(text="This agreement does not define it.")


async def read_scoreboard(
    unit: Transaction, version: Any, since: datetime, until: datetime, by: str | None, now: datetime
) -> dict[str, Any]:
    """Both teams' numbers from one instant up to another, by a dimension if one is named."""
    agreement = parse_agreement(version["text"])
    before = span_before(since, until, agreement.company.zone)
    here = (await _counted(unit, agreement, None, since, until)).get("", {})
    there = (await _counted(unit, agreement, None, before, since)).get("", {})
    numbers, previous = numbers_of(here), numbers_of(there)
    return {
        "from": since,
        "to": until,
        "agreement": {"hash": version["hash"], "applied_at": version["at"], "signed_by": version["signed_by"]},
        "numbers": numbers,
        "previous": {"from": before, "to": since, "numbers": previous},
        "metrics": [_described(agreement, one.name, numbers, previous) for one in METRICS],
        "reject_reasons": here.get("reasons", {}),
        "by": by,
        "rows": await _rows(unit, agreement, by, since, until) if by else [],
        "fairness": [_debt(row) for row in await store.scoreboard.credits(unit)],
        "held": _held(await store.scoreboard.held(unit, now)),
    }


def _described(agreement: Agreement, name: str, numbers: Mapping[str, Any], previous: Mapping[str, Any]) -> dict[str, Any]:
    """A number with its one definition, and the promise it is held against."""
    metric = next(one for one in METRICS if one.name == name)
    defined = agreement.metrics.get(name, UNDEFINED)
    promise = getattr(agreement.promises, metric.promise) if metric.promise else None
    value = numbers[name]
    return {
        "name": name,
        "team": metric.team,
        "unit": metric.unit,
        "definition": defined.text,
        "version": defined.version,
        "value": value,
        "previous": previous[name],
        "promise": promise,
        "kept": None if promise is None or value is None else value >= promise,
    }


async def _rows(unit: Transaction, agreement: Agreement, by: str, since: datetime, until: datetime) -> list[dict[str, Any]]:
    counted = await _counted(unit, agreement, by, since, until)
    names = await store.people.names(unit) if by == "rep" else {}
    rows = [
        {"key": key, "label": names.get(key, key) or "none", "numbers": numbers_of(one), "reject_reasons": one.get("reasons", {})}
        for key, one in counted.items()
    ]
    rows.sort(key=lambda row: (-row["numbers"]["mql"], -row["numbers"]["hand_raises"], row["label"]))
    return rows[:MOST_ROWS]


async def _counted(
    unit: Transaction, agreement: Agreement, by: str | None, since: datetime, until: datetime
) -> dict[str, dict[str, Any]]:
    """What was counted, by the dimension's value."""
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    metrics, span = agreement.metrics, (unit, by, since, until)
    implied = {name: metrics.get(name, UNDEFINED).implied for name in ("sal", "contacted", "sales_qualified")}
    reasons = await store.scoreboard.reasons(*span)
    not_contactable = _as_given(metrics.get("contactable_rate", UNDEFINED).reasons, reasons)
    no_hand = [name for name, selection in agreement.selections.items() if not selection.hand_raise]
    for row in await store.scoreboard.steps(*span, implied=implied, not_contactable=not_contactable, no_hand=no_hand):
        found[row["key"]].update(row)
    ends_at = metrics.get("speed_to_lead_p50", UNDEFINED).ends_at
    for row in await store.scoreboard.speeds(*span, ends_at=ends_at, no_hand=no_hand):
        found[row["key"]].update(row)
    for row in await store.scoreboard.promises(*span):
        found[row["key"]].update(row)
    for row in await store.scoreboard.afterwards(*span):
        found[row["key"] or ""][row["kind"]] = row["n"]
    for row in reasons:
        found[row["key"]].setdefault("reasons", {})[row["reason"]] = row["n"]
    for row in await store.scoreboard.revenue(*span):
        found[row["key"]].setdefault("revenue", {})[row["currency"]] = row["amount"]
        found[row["key"]].setdefault("repeat_revenue", {})[row["currency"]] = row["repeat"]
    if by in (None, "campaign"):
        first, end = (first_day_from(at, agreement.company.zone) for at in (since, until))
        for row in await store.scoreboard.costs(unit, by, first, end):
            found[row["key"]].setdefault("cost", {})[row["currency"]] = row["amount"]
    return found


def _as_given(listed: Iterable[str], given: Iterable[Any]) -> list[str]:
    """The reasons that were given and are listed, however they were written."""
    keys = set(map(reason_key, listed))
    return list({row["reason"] for row in given if reason_key(row["reason"]) in keys})


def _debt(row: Any) -> dict[str, Any]:
    return {"pool": row["pool"], "rep_id": row["rep_id"], "name": row["name"], **fairness(row["credit"], row["n"])}


def _held(row: Any) -> dict[str, Any]:
    oldest = row["oldest"]
    ages = {name: row[name] for name in ("under_an_hour", "under_four_hours", "under_a_day", "longer")}
    return {**ages, "oldest_seconds": None if oldest is None else round(oldest.total_seconds())}
