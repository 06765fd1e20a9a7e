"""Every query of intake."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.intake import models
from services.intake.domain.identity import Key, Known
from services.intake.domain.submissions import Submission
from shared.database import Rows, Transaction

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


async def take_waiting(unit: Transaction, limit: int) -> Rows:
    return await unit.fetch(
        "SELECT id, form, content, received_at, test, attempts FROM submission WHERE state = 'waiting' "
        "ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED",
        limit,
    )


async def lock_keys(unit: Transaction, keys: Iterable[Key]) -> None:
    """Replicas that meet the same new person take turns, in one order, and so end with one person."""
    await unit.execute(
        "SELECT pg_advisory_xact_lock(k) FROM (SELECT DISTINCT hashtextextended(t, 0) AS k "
        "FROM unnest($1::text[]) t ORDER BY 1) s",
        [f"{kind}:{value}" for kind, value in keys],
    )


async def gather_known(unit: Transaction, keys: Sequence[Key]) -> Known:
    known = Known()
    rows = await unit.fetch(
        "SELECT p.kind, p.value, p.person_id, p.last_name FROM person_key p "
        "JOIN unnest($1::text[], $2::text[]) AS k(kind, value) USING (kind, value)",
        [kind for kind, _ in keys],
        [value for _, value in keys],
    )
    for row in rows:
        known.add((row["kind"], row["value"]), row["person_id"], row["last_name"])
    return known


async def gather_leads(unit: Transaction, person_ids: Sequence[UUID]) -> Rows:
    """The leads of these persons, newest first."""
    return await unit.fetch(
        "SELECT id, person_id, need, stage, opened_at FROM lead WHERE person_id = ANY($1::uuid[]) ORDER BY opened_at DESC",
        person_ids,
    )


async def settle(unit: Transaction, states: Sequence[tuple[UUID, str, str | None]]) -> None:
    """Write the ledger's state of submissions."""
    await unit.execute(
        "UPDATE submission s SET state = n.state, reason = n.reason "
        "FROM unnest($1::uuid[], $2::text[], $3::text[]) AS n(id, state, reason) WHERE s.id = n.id",
        [lead_id for lead_id, _, _ in states],
        [state for _, state, _ in states],
        [reason for _, _, reason in states],
    )


async def note_failure(unit: Transaction, lead_id: UUID, error: str, attempts: int) -> str:
    """Count a failed attempt at the second step; too many put the submission aside, releasable."""
    return str(
        await unit.value(
            "UPDATE submission SET attempts = attempts + 1, reason = $2, "
            "state = CASE WHEN attempts + 1 >= $3 THEN 'quarantined' ELSE state END WHERE id = $1 RETURNING state",
            lead_id,
            error[:500],
            attempts,
        )
    )


async def touch_leads(unit: Transaction, lead_ids: Sequence[UUID], now: datetime) -> None:
    await unit.execute("UPDATE lead SET touched_at = $2 WHERE id = ANY($1::uuid[])", lead_ids, now)


async def move_lead(unit: Transaction, lead_id: UUID, *, stage: str, ledger: str, now: datetime) -> bool:
    """Follow what sales did. False for a lead that is not ours."""
    moved = await unit.value("UPDATE lead SET stage = $2, touched_at = $3 WHERE id = $1 RETURNING id", lead_id, stage, now)
    if moved:
        await unit.execute("UPDATE submission SET state = $2 WHERE id = $1", lead_id, ledger)
    return bool(moved)


async def adopt_agreement(unit: Transaction, *, hash: str, text: str, at: datetime) -> None:
    await unit.insert(
        models.AgreementVersion,
        [{"hash": hash, "text": text, "at": at}],
        "ON CONFLICT (hash) DO UPDATE SET at = greatest(agreement.at, excluded.at)",
    )


async def current_agreement(unit: Transaction) -> tuple[str, str] | None:
    row = await unit.row("SELECT hash, text FROM agreement ORDER BY at DESC LIMIT 1")
    return (row["hash"], row["text"]) if row else None


async def ledger(unit: Transaction, *, test: bool) -> Rows:
    """The equation by form and hour; `received` is what the states must add up to."""
    return await unit.fetch(
        "SELECT form, date_trunc('hour', received_at) AS hour, state, count(*) AS n FROM submission "
        "WHERE test = $1 GROUP BY 1, 2, 3 ORDER BY 2 DESC, 1 LIMIT 10000",
        test,
    )


async def score_lines(unit: Transaction, lead_id: UUID) -> Rows:
    return await unit.fetch("SELECT axis, reason, points FROM score_entry WHERE lead_id = $1 ORDER BY line", lead_id)


async def lead(unit: Transaction, lead_id: UUID) -> Any:
    return await unit.row("SELECT * FROM lead WHERE id = $1", lead_id)


async def oldest_waiting_seconds(unit: Transaction) -> float:
    found = await unit.value(
        "SELECT extract(epoch FROM now() - received_at) FROM submission WHERE state = 'waiting' ORDER BY id LIMIT 1"
    )
    return float(found or 0)


async def forget_expired_receipts(unit: Transaction, now: datetime) -> int:
    query = "DELETE FROM receipt WHERE key = ANY(ARRAY(SELECT key FROM receipt WHERE expires_at < $1 LIMIT 5000))"
    return int((await unit.execute(query, now)).split()[-1])
