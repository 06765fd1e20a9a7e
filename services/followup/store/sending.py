"""Claim, intend, settle: every query of the way a touch takes out of the house. A statement for all, never one a touch."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.followup import models
from shared.database import Rows, Transaction

_SUBJECT = "CASE e.cycle WHEN 0 THEN e.subject ELSE e.subject || '#' || e.cycle END AS subject"
# Of a touch, what sending it needs: all 24 columns would cost a third more to read.
_COLUMNS = (
    "id, enrolment_id, client_id, lead_id, plan, plan_version, step, cycle, channel, purpose, local_date, due_at, expires_at, "
    "attempt, fence, message_id, lease_until"
)
_CLAIM = (
    "WITH claimed AS (UPDATE touch SET fence = fence + 1, lease_until = $3 WHERE ctid = ANY(ARRAY("  # noqa: S608  words of our own
    "SELECT ctid FROM touch WHERE state = 'planned' AND due_at <= $1 AND channel = ANY($4::text[]) "
    "AND (lease_until IS NULL OR lease_until < $1) "
    "ORDER BY due_at, id LIMIT $2 FOR UPDATE SKIP LOCKED)) "
    f"RETURNING {_COLUMNS}) SELECT c.*, {_SUBJECT}, e.state AS enrolment_state, e.anchors FROM claimed c "
    "JOIN enrolment e ON e.id = c.enrolment_id"
)
_TAKE_EXPIRED = _CLAIM.replace("channel = ANY($4::text[])", "expires_at <= $1 AND NOT channel = ANY($4::text[])")
_IN_DOUBT = (
    f"SELECT t.*, {_SUBJECT}, a.first_at, a.last_at FROM touch t JOIN enrolment e ON e.id = t.enrolment_id "  # noqa: S608
    "CROSS JOIN LATERAL (SELECT min(at) AS first_at, max(at) AS last_at FROM attempt WHERE touch_id = t.id) a "
    "WHERE t.state = 'sending' AND t.lease_until < $1 ORDER BY t.id LIMIT $2"
)
_IN_THE_AIR = (
    f"SELECT t.*, {_SUBJECT} FROM touch t JOIN enrolment e ON e.id = t.enrolment_id "  # noqa: S608
    "WHERE t.id = $1 AND t.state = 'sending'"
)
# Again is not now where the plan began to wait meanwhile: the touch waits with it.
_AGAIN = (
    "state = CASE e.state WHEN 'paused' THEN 'paused' ELSE 'planned' END, "
    "reason = CASE e.state WHEN 'paused' THEN e.reason END, lease_until = NULL"
)
JOURNALED = ("client_id", "lead_id", "plan", "subject", "step", "cycle", "channel", "message_id")


async def clock(unit: Transaction) -> datetime:
    found: datetime = await unit.value("SELECT clock_timestamp()")
    return found


async def claim_due(unit: Transaction, now: datetime, channels: Sequence[str], *, limit: int, lease: timedelta) -> Rows:
    """Take due touches for this worker, as a lease: whoever changes a planned touch meanwhile takes the lease away.

    Planner settings: with stale statistics it would sort the whole backlog.
    """
    await unit.execute("SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")
    return await unit.fetch(_CLAIM, now, limit, now + lease, channels)


async def take_expired(unit: Transaction, now: datetime, channels: Sequence[str], lease: timedelta, *, limit: int = 500) -> Rows:
    """Touches of other channels (nobody printed the letter, no text provider is set) whose time is over."""
    return await unit.fetch(_TAKE_EXPIRED, now, limit, now + lease, channels)


async def in_doubt(unit: Transaction, before: datetime, *, limit: int = 500) -> Rows:
    """Intended by a worker that died, or that never heard the answer: nobody knows whether it was sent."""
    return await unit.fetch(_IN_DOUBT, before, limit)


async def in_the_air(unit: Transaction, touch_id: UUID) -> Any:
    """This touch, where it was intended and is not settled."""
    return await unit.row(_IN_THE_AIR, touch_id)


async def intend(unit: Transaction, touches: Sequence[tuple[UUID, int, str]], now: datetime, lease_until: datetime) -> set[UUID]:
    """Commit to send these (touch, fence, message id). Returns those whose lease was not lost."""
    rows = await unit.fetch(
        "WITH meant AS (UPDATE touch t SET state = 'sending', attempt = t.attempt + 1, message_id = n.message_id, "
        "lease_until = $5 FROM unnest($1::uuid[], $2::int[], $3::text[]) AS n(id, fence, message_id) "
        "WHERE t.id = n.id AND t.fence = n.fence AND t.state = 'planned' AND t.lease_until IS NOT NULL "
        "RETURNING t.id, t.fence, t.attempt, t.message_id), "
        "journal AS (INSERT INTO attempt (touch_id, fence, number, message_id, at) "
        "SELECT id, fence, attempt, message_id, $4 FROM meant) SELECT id FROM meant",
        [touch[0] for touch in touches],
        [touch[1] for touch in touches],
        [touch[2] for touch in touches],
        now,
        lease_until,
    )
    return {row["id"] for row in rows}


async def settle(unit: Transaction, ends: Sequence[tuple[UUID, int, str, str | None]], now: datetime) -> set[UUID]:
    """Write the end of touches: (touch, fence, state, reason). Whose lease was lost is settled by somebody else."""
    rows = await unit.fetch(
        "UPDATE touch t SET state = n.state, reason = n.reason, settled_at = $5 "
        "FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[]) AS n(id, fence, state, reason) "
        "WHERE t.id = n.id AND t.fence = n.fence "
        "AND (t.state = 'sending' OR t.state = 'planned' AND t.lease_until IS NOT NULL) RETURNING t.id",
        [end[0] for end in ends],
        [end[1] for end in ends],
        [end[2] for end in ends],
        [end[3] for end in ends],
        now,
    )
    return {row["id"] for row in rows}


async def plan_again(unit: Transaction, touches: Sequence[tuple[UUID, int, datetime, int]]) -> None:
    """Back to planned: (touch, fence, due at, attempts burnt)."""
    if not touches:
        return
    await unit.execute(
        f"UPDATE touch t SET {_AGAIN}, due_at = n.due_at, attempt = greatest(t.attempt - 1 + n.burnt, 0) "  # noqa: S608
        "FROM unnest($1::uuid[], $2::int[], $3::timestamptz[], $4::int[]) AS n(id, fence, due_at, burnt), enrolment e "
        "WHERE t.id = n.id AND t.fence = n.fence AND t.state = 'sending' AND e.id = t.enrolment_id",
        [touch[0] for touch in touches],
        [touch[1] for touch in touches],
        [touch[2] for touch in touches],
        [touch[3] for touch in touches],
    )


async def repeat(unit: Transaction, touches: Sequence[tuple[UUID, int, datetime | None]], now: datetime) -> None:
    """Back to planned after a doubt, at once: (touch, fence, the moment after which it must not go out any more)."""
    if not touches:
        return
    await unit.execute(
        f"UPDATE touch t SET {_AGAIN}, due_at = $4, expires_at = least(t.expires_at, n.until) "  # noqa: S608
        "FROM unnest($1::uuid[], $2::int[], $3::timestamptz[]) AS n(id, fence, until), enrolment e "
        "WHERE t.id = n.id AND t.fence = n.fence AND t.state = 'sending' AND e.id = t.enrolment_id",
        [touch[0] for touch in touches],
        [touch[1] for touch in touches],
        [touch[2] for touch in touches],
        now,
    )


async def put_back(unit: Transaction, touches: Sequence[tuple[UUID, int, datetime]]) -> None:
    """Not now: claimed touches that nothing was tried with."""
    if not touches:
        return
    await unit.execute(
        "UPDATE touch t SET lease_until = NULL, due_at = n.due_at FROM unnest($1::uuid[], $2::int[], $3::timestamptz[]) "
        "AS n(id, fence, due_at) WHERE t.id = n.id AND t.fence = n.fence AND t.state = 'planned' AND t.lease_until IS NOT NULL",
        [touch[0] for touch in touches],
        [touch[1] for touch in touches],
        [touch[2] for touch in touches],
    )


async def wait_for_witness(unit: Transaction, touches: Sequence[tuple[UUID, int]], until: datetime) -> None:
    if not touches:
        return
    await unit.execute(
        "UPDATE touch t SET lease_until = $3 FROM unnest($1::uuid[], $2::int[]) AS n(id, fence) "
        "WHERE t.id = n.id AND t.fence = n.fence AND t.state = 'sending'",
        [touch[0] for touch in touches],
        [touch[1] for touch in touches],
        until,
    )


async def journal_sent(unit: Transaction, touches: Sequence[Any], now: datetime, *, told_by: str) -> None:
    """Append to the journal. A touch that is in it already stays as it was written first."""
    rows = [
        {
            "touch_id": touch["id"],
            **{name: touch[name] for name in JOURNALED},
            "address_hash": touch.get("address_hash"),
            "at": now,
            "told_by": told_by,
        }
        for touch in touches
    ]
    await unit.insert(models.Sent, rows, "ON CONFLICT DO NOTHING")


async def already_sent(unit: Transaction, touches: Sequence[Any]) -> set[UUID]:
    """Which of these went out before, perhaps under another id in a life before a restore."""
    rows = await unit.fetch(
        "SELECT n.id FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::int[]) "
        "AS n(id, client_id, plan, subject, step, cycle) JOIN sent s USING (client_id, plan, subject, step, cycle)",
        [touch["id"] for touch in touches],
        *([touch[name] for touch in touches] for name in ("client_id", "plan", "subject", "step", "cycle")),
    )
    return {row["id"] for row in rows}


async def recent_touches(unit: Transaction, client_ids: Collection[UUID], since: Any) -> Rows:
    """What these clients' households heard since then or are just hearing, for caps: however long ago it was due."""
    return await unit.fetch(
        "SELECT t.id, t.client_id, c.household_id, t.plan, t.step, t.local_date, t.purpose, t.channel, t.settled_at, t.zone "
        "FROM touch t JOIN client c ON c.id = t.client_id WHERE c.household_id IN "
        "(SELECT household_id FROM client WHERE id = ANY($1::uuid[])) AND t.state IN ('sent', 'sending') "
        "AND t.due_at >= $2::timestamptz - interval '1 year' AND (t.state = 'sending' OR coalesce(t.settled_at, t.due_at) >= $2)",
        list(client_ids),
        since,
    )


async def sent_and_complained(unit: Transaction, since: datetime) -> tuple[int, int]:
    row = await unit.row(
        "SELECT (SELECT count(*) FROM sent WHERE at >= $1 AND channel = 'email') AS sent, "
        "(SELECT count(*) FROM delivery_fact WHERE kind = 'complained' AND at >= $1) AS complained",
        since,
    )
    return row["sent"], row["complained"]


async def limits(unit: Transaction, names: Sequence[str], starts: Sequence[datetime]) -> dict[str, int]:
    """What is used up of each limit in the window that began at `starts`. The rows stay locked: replicas take turns."""
    await unit.insert(
        models.SendLimit,
        [{"name": name, "window_start": start, "used": 0} for name, start in sorted(zip(names, starts, strict=True))],
        "ON CONFLICT DO NOTHING",
    )
    rows = await unit.fetch("SELECT * FROM send_limit WHERE name = ANY($1::text[]) ORDER BY name FOR UPDATE", names)
    known = dict(zip(names, starts, strict=True))
    return {row["name"]: row["used"] if row["window_start"] >= known[row["name"]] else 0 for row in rows}


async def use_limits(unit: Transaction, names: Sequence[str], starts: Sequence[datetime], taken: int) -> None:
    await unit.execute(
        "UPDATE send_limit l SET used = greatest(CASE WHEN l.window_start >= n.start THEN l.used ELSE 0 END + $3, 0), "
        "window_start = greatest(l.window_start, n.start) "
        "FROM unnest($1::text[], $2::timestamptz[]) AS n(name, start) WHERE l.name = n.name",
        names,
        starts,
        taken,
    )


async def health(unit: Transaction, now: datetime) -> Any:
    """What ops must see: how many are in doubt, and for how long the oldest due touch has waited."""
    return await unit.row(
        "SELECT (SELECT count(*) FROM touch WHERE state = 'sending' AND lease_until < $1) AS in_doubt, "
        "(SELECT extract(epoch FROM $1 - min(due_at))::float8 FROM touch WHERE state = 'planned' AND due_at < $1) AS overdue",
        now,
    )
