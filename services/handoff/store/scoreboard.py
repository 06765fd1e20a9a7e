"""What the scoreboard counts, from its lines, for a span of time and by one dimension."""

from datetime import date, datetime
from typing import Any

from shared.database import Rows, Transaction

DIMENSIONS = {
    "source": "b.source",
    "medium": "b.medium",
    "campaign": "b.campaign",
    "form": "b.form",
    "selection": "b.selection",
    "tier": "b.tier",
    "pool": "b.pool",
    "rep": "coalesce(b.rep_id::text, '')",
}
ALL = "''"
COUNTED = "NOT b.test AND b.last_at >= $1 AND b.first_at < $2"
CAME_AT = "coalesce(b.received_at, b.raised_at)"
ONE_HAND = "b.merged_at IS NULL"  # where sales gave a lead back and its client came again, the second stands for both
BY_HAND = "b.selection <> ALL(${}::text[])"


def _at(column: str, unless: str = "") -> str:
    """The filter of a step: it was taken in the span, and perhaps somebody reported it."""
    return f"FILTER (WHERE b.{column}_at >= $1 AND b.{column}_at < $2{unless})"


async def steps(
    unit: Transaction,
    by: str | None,
    since: datetime,
    until: datetime,
    *,
    implied: dict[str, bool],
    not_contactable: list[str],
    no_hand: list[str],
) -> Rows:
    """How many leads took each step. `implied`: which steps count although nobody reported them; `no_hand`: the selections
    of those who raised none."""
    reported = {name: "" if counts else f" AND NOT b.{name}_implied" for name, counts in implied.items()}
    names = ("offered", "sal", "contacted", "sales_qualified", "proposed", "won", "lost", "recycled", "disqualified")
    columns = ", ".join(f"count(*) {_at(name, reported.get(name, ''))} AS {name}" for name in names)
    one_hand = f" AND {ONE_HAND} AND {BY_HAND.format(4)}"
    return await unit.fetch(
        f"SELECT {DIMENSIONS.get(by or '', ALL)} AS key, count(*) {_at('raised', one_hand)} AS hand_raises, "  # noqa: S608  own names
        f"count(*) {_at('mql')} AS mql, {columns}, "
        f"count(*) {_at('mql', ' AND b.sal_at IS NOT NULL' + reported.get('sal', ''))} AS mql_accepted, "
        f"count(*) {_at('mql', ' AND b.rejected_as ?| $3::text[]')} AS mql_not_contactable "
        f"FROM board_lead b WHERE {COUNTED} GROUP BY 1 ORDER BY 1",
        since,
        until,
        not_contactable,
        no_hand,
    )


async def speeds(
    unit: Transaction, by: str | None, since: datetime, until: datetime, *, ends_at: str, no_hand: list[str]
) -> Rows:
    """Median and ninth decile of the seconds from a raised hand to the first answer of a person, by the clock and in business
    time."""
    end = {"accepted": "sal", "contacted": "contacted"}[ends_at]
    middle = "percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY"
    return await unit.fetch(
        f"SELECT {DIMENSIONS.get(by or '', ALL)} AS key, "  # noqa: S608  own names
        f"{middle} extract(epoch FROM greatest(b.{end}_at - {CAME_AT}, interval '0'))::float8) AS clock, "
        f"{middle} b.{end}_seconds::float8) AS business "
        f"FROM board_lead b WHERE {COUNTED} AND b.{end}_at >= $1 AND b.{end}_at < $2 AND {BY_HAND.format(3)} GROUP BY 1",
        since,
        until,
        no_hand,
    )


async def revenue(unit: Transaction, by: str | None, since: datetime, until: datetime) -> Rows:
    """What was sold, by currency; `repeat`: to people who had bought before."""
    before = "EXISTS (SELECT 1 FROM board_lead e WHERE e.person_id = b.person_id AND e.won_at < b.won_at)"
    return await unit.fetch(
        f"SELECT {DIMENSIONS.get(by or '', ALL)} AS key, b.currency, sum(b.amount) AS amount, "  # noqa: S608  own names
        f"coalesce(sum(b.amount) FILTER (WHERE {before}), 0) AS repeat "
        f"FROM board_lead b WHERE {COUNTED} AND b.won_at >= $1 AND b.won_at < $2 GROUP BY 1, 2 ORDER BY 1, 2",
        since,
        until,
    )


async def promises(unit: Transaction, by: str | None, since: datetime, until: datetime) -> Rows:
    """Of the assignments offered in the span: answers and first touches in time and too late."""
    own = {"rep": "a.rep_id::text", "pool": "a.pool"}
    key = own.get(by or "") or DIMENSIONS.get(by or "", ALL)
    return await unit.fetch(
        f"SELECT {key} AS key, "  # noqa: S608  own names
        "count(*) FILTER (WHERE a.answered_at IS NOT NULL AND NOT a.acceptance_breached) AS answers_kept, "
        "count(*) FILTER (WHERE a.acceptance_breached) AS answers_broken, "
        "count(*) FILTER (WHERE a.touched_at IS NOT NULL AND NOT a.touch_breached) AS touches_kept, "
        "count(*) FILTER (WHERE a.touch_breached) AS touches_broken "
        "FROM board_assignment a JOIN board_lead b ON b.lead_id = a.lead_id "
        "WHERE NOT b.test AND a.offered_at >= $1 AND a.offered_at < $2 GROUP BY 1",
        since,
        until,
    )


async def reasons(unit: Transaction, by: str | None, since: datetime, until: datetime) -> Rows:
    """Why leads that became MQL in the span were turned down."""
    return await unit.fetch(
        f"SELECT {DIMENSIONS.get(by or '', ALL)} AS key, coalesce(nullif(reason, ''), 'none given') AS reason, count(*) AS n "  # noqa: S608
        f"FROM board_lead b, jsonb_array_elements_text(b.rejected_as) AS reason "
        f"WHERE {COUNTED} AND b.mql_at >= $1 AND b.mql_at < $2 GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2",
        since,
        until,
    )


AFTER = ("client.created", "touch.sent", "touch.skipped", "touch.failed", "referral.received")
REVIEW = "leadhandoff.review.received.v1"


async def afterwards(unit: Transaction, by: str | None, since: datetime, until: datetime) -> Rows:
    """What followed the sale: clients, touches, reviews, referrals. Of a review handoff's word counts, not the CRM's too.

    Without a dimension the index alone answers: touches are what there is most of.
    """
    key = DIMENSIONS.get(by or "", ALL)
    lines = "LEFT JOIN board_lead b ON b.lead_id = f.lead_id" if by else ""
    counted = (
        f"SELECT coalesce({key}, '') AS key, substr(f.type, 13, length(f.type) - 15) AS kind, count(*) AS n FROM fact f {lines}"  # noqa: S608
    )
    span = "f.at >= $1 AND f.at < $2 GROUP BY 1, 2"
    return await unit.fetch(
        f"{counted} WHERE f.type = ANY($3::text[]) AND {span} "
        f"UNION ALL {counted} WHERE f.type = $4 AND f.source = '/handoff' AND {span}",
        since,
        until,
        [f"leadhandoff.{kind}.v1" for kind in AFTER],
        REVIEW,
    )


async def costs(unit: Transaction, by: str | None, first: date, end: date) -> Rows:
    """What campaigns cost from one day up to another. The latest price of a campaign's day stands."""
    key = "campaign" if by == "campaign" else ALL
    return await unit.fetch(
        f"SELECT {key} AS key, currency, sum(amount) AS amount FROM ("  # noqa: S608  own names
        "SELECT DISTINCT ON (campaign, day, currency) data->>'campaign' AS campaign, (data->>'spent_on')::date AS day, "
        "data->>'currency' AS currency, (data->>'amount')::numeric AS amount FROM fact "
        "WHERE type = 'leadhandoff.campaign.priced.v1' "
        "ORDER BY campaign, day, currency, at DESC, event_id DESC) AS latest "
        "WHERE day >= $1 AND day < $2 GROUP BY 1, 2",
        first,
        end,
    )


async def credits(unit: Transaction) -> Rows:
    """How far each rep is ahead of or behind their share of a pool, in billionths of a lead."""
    return await unit.fetch(
        "SELECT m.pool, m.rep_id, r.name, m.weight, m.credit, count(*) OVER (PARTITION BY m.pool) AS n FROM pool_member m "
        "JOIN rep r ON r.id = m.rep_id WHERE m.weight > 0 AND r.state <> 'left' ORDER BY m.pool, m.credit DESC, m.rep_id"
    )


async def held(unit: Transaction, now: datetime) -> Any:
    """Leads that nobody could take, by how long they have waited."""
    age = "$1 - coalesce(held_since, updated_at)"
    return await unit.row(
        f"SELECT count(*) FILTER (WHERE {age} < interval '1 hour') AS under_an_hour, "  # noqa: S608  own names
        f"count(*) FILTER (WHERE {age} >= interval '1 hour' AND {age} < interval '4 hours') AS under_four_hours, "
        f"count(*) FILTER (WHERE {age} >= interval '4 hours' AND {age} < interval '1 day') AS under_a_day, "
        f"count(*) FILTER (WHERE {age} >= interval '1 day') AS longer, max({age}) AS oldest FROM lead WHERE state = 'held'",
        now,
    )
