"""The first step: store what is new in one statement; what came before gets its earlier answer."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.intake.domain.submissions import Submission
from shared.database import Transaction

STORE = """
WITH claimed AS (
  INSERT INTO receipt AS r (key, lead_id, fingerprint, expires_at)
  SELECT k, i, k, $7 FROM unnest($1::bytea[], $2::uuid[]) AS n(k, i) ORDER BY k  -- one order: no deadlock
  ON CONFLICT (key) DO UPDATE SET lead_id = excluded.lead_id, expires_at = excluded.expires_at
  WHERE r.expires_at <= $8 RETURNING lead_id)
INSERT INTO submission (id, form, content, received_at, test, state, reason)
SELECT i, f, c, $8, t, CASE WHEN q THEN 'quarantined' ELSE 'waiting' END, CASE WHEN q THEN 'trap' END
FROM unnest($2::uuid[], $3::text[], $4::jsonb[], $5::bool[], $6::bool[]) AS n(i, f, c, t, q)
WHERE i IN (SELECT lead_id FROM claimed) RETURNING id"""


@dataclass(frozen=True, slots=True)
class Captured:
    """What to answer. `conflict`: the key was used for another content."""

    lead_id: UUID
    repeated: bool = False
    conflict: bool = False


async def capture(
    unit: Transaction, submissions: list[Submission], now: datetime, *, repeat: timedelta, keep_keys: timedelta
) -> list[Captured]:
    """Store what is new, in one statement; what came before gets its earlier answer."""
    answers: dict[int, Captured] = {}
    if any(one.idempotency_key for one in submissions):
        answers = await _recognise_keys(unit, submissions, now, keep_keys)
    unanswered = [(place, one) for place, one in enumerate(submissions) if place not in answers]
    first: dict[bytes, tuple[int, Submission]] = {}
    for place, one in unanswered:
        first.setdefault(one.content_key, (place, one))
    fresh = [one for _, one in first.values()]
    stored = await _store(unit, fresh, now, repeat)
    lead_of = {one.content_key: one.lead_id for one in fresh}
    if earlier := [one.content_key for one in fresh if one.lead_id not in stored]:
        for row in await unit.fetch("SELECT key, lead_id FROM receipt WHERE key = ANY($1::bytea[])", earlier):
            lead_of[row["key"]] = row["lead_id"]
    for place, one in unanswered:
        lead_id = lead_of[one.content_key]
        answers[place] = Captured(lead_id, repeated=lead_id != one.lead_id)
        if one.idempotency_key and lead_id != one.lead_id:
            await unit.execute("UPDATE receipt SET lead_id = $2 WHERE key = $1", one.idempotency_key, lead_id)
    return [answers[place] for place in range(len(submissions))]


async def _store(unit: Transaction, fresh: list[Submission], now: datetime, repeat: timedelta) -> set[UUID]:
    if not fresh:
        return set()
    rows = await unit.fetch(
        STORE,
        [one.content_key for one in fresh],
        [one.lead_id for one in fresh],
        [one.form for one in fresh],
        [one.content for one in fresh],
        [one.test for one in fresh],
        [one.trapped for one in fresh],
        now + repeat,
        now,
    )
    return {row["id"] for row in rows}


async def _recognise_keys(
    unit: Transaction, submissions: list[Submission], now: datetime, keep: timedelta
) -> dict[int, Captured]:
    """Claim the Idempotency-Keys; a key seen before answers as before, or conflicts if the content differs."""
    answers: dict[int, Captured] = {}
    claimed: dict[bytes, Submission] = {}
    order = sorted((one.idempotency_key, place) for place, one in enumerate(submissions) if one.idempotency_key)
    for key, place in order:
        one = submissions[place]
        if key in claimed:
            earlier = claimed[key]
            answers[place] = Captured(earlier.lead_id, True, earlier.content_key != one.content_key)
            continue
        row = await unit.row(
            "INSERT INTO receipt AS r (key, lead_id, fingerprint, expires_at) VALUES ($1, $2, $3, $4) "
            "ON CONFLICT (key) DO UPDATE SET "
            "lead_id = CASE WHEN r.expires_at <= $5 THEN excluded.lead_id ELSE r.lead_id END, "
            "fingerprint = CASE WHEN r.expires_at <= $5 THEN excluded.fingerprint ELSE r.fingerprint END, "
            "expires_at = CASE WHEN r.expires_at <= $5 THEN excluded.expires_at ELSE r.expires_at END "
            "RETURNING lead_id, fingerprint",
            key,
            one.lead_id,
            one.content_key,
            now + keep,
            now,
        )
        if row["lead_id"] == one.lead_id:
            claimed[key] = one
        else:
            answers[place] = Captured(row["lead_id"], True, row["fingerprint"] != one.content_key)
    return answers


async def forget_expired_receipts(unit: Transaction, now: datetime) -> int:
    query = "DELETE FROM receipt WHERE key = ANY(ARRAY(SELECT key FROM receipt WHERE expires_at < $1 LIMIT 5000))"
    return int((await unit.execute(query, now)).split()[-1])
