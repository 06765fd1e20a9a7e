"""The first step: store what is new in one statement; what came before gets its earlier answer."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.intake.domain.submissions import Submission
from shared.database import Transaction
from shared.statements import as_json

STORE = """
WITH n AS MATERIALIZED (
  SELECT * FROM json_to_recordset($1::json) AS n(k bytea, i uuid, f text, c jsonb, t bool, q text)),
claimed AS (
  INSERT INTO receipt AS r (key, lead_id, fingerprint, expires_at)
  SELECT k, i, k, $2 FROM n ORDER BY k  -- one order: no deadlock
  ON CONFLICT (key) DO UPDATE SET lead_id = excluded.lead_id, expires_at = excluded.expires_at
  WHERE r.expires_at <= $3 RETURNING lead_id)
INSERT INTO submission (id, form, content, received_at, test, state, reason)
SELECT i, f, c, $3, t, CASE WHEN q IS NULL THEN 'waiting' ELSE 'quarantined' END, q
FROM n WHERE i IN (SELECT lead_id FROM claimed) RETURNING id"""

# A key remembers the content and whether that was set aside: then the same, once it is accepted, takes its place.
SET_ASIDE = b"\0set aside"
CLAIM = """
INSERT INTO receipt AS r (key, lead_id, fingerprint, expires_at)
SELECT k, i, f, e FROM unnest($1::bytea[], $2::uuid[], $3::bytea[], $4::timestamptz[]) AS n(k, i, f, e) ORDER BY k
ON CONFLICT (key) DO UPDATE SET
  lead_id = CASE WHEN {is_over} THEN excluded.lead_id ELSE r.lead_id END,
  fingerprint = CASE WHEN {is_over} THEN excluded.fingerprint ELSE r.fingerprint END,
  expires_at = CASE WHEN {is_over} THEN excluded.expires_at ELSE r.expires_at END
RETURNING key, lead_id, fingerprint""".format(is_over="r.expires_at <= $5 OR r.fingerprint = excluded.fingerprint || $6")


@dataclass(frozen=True, slots=True)
class Keep:
    """How long an answer is remembered: for the same content, for a key, for a sender's own id."""

    content: timedelta
    keys: timedelta
    provider_ids: timedelta


@dataclass(frozen=True, slots=True)
class Captured:
    """What to answer. `conflict`: the key was used for another content."""

    lead_id: UUID
    repeated: bool = False
    conflict: bool = False


async def capture(unit: Transaction, submissions: list[Submission], now: datetime, keep: Keep) -> list[Captured]:
    """Store what is new; what came before gets its earlier answer. Without keys it is one statement."""
    owners: dict[bytes, Submission] = {}
    for one in submissions:
        if (key := one.idempotency_key) and ((owner := owners.get(key)) is None or _takes_its_place(one, owner)):
            owners[key] = one
    earlier = await _claim_keys(unit, list(owners.items()), now, keep) if owners else {}
    fresh = [
        one for one in submissions if one.idempotency_key not in earlier and owners.get(one.idempotency_key or b"", one) is one
    ]
    lead_of = await _store_contents(unit, fresh, now, keep.content)
    moved = [(one.idempotency_key, lead_of[one.content_key]) for one in fresh if lead_of[one.content_key] != one.lead_id]
    if moved := [(key, lead_id) for key, lead_id in moved if key]:  # the same content came before under another key
        query = "UPDATE receipt r SET lead_id = n.i FROM unnest($1::bytea[], $2::uuid[]) AS n(k, i) WHERE r.key = n.k"
        await unit.execute(query, [key for key, _ in moved], [lead_id for _, lead_id in moved])
    return [_answer(one, owners, earlier, lead_of) for one in submissions]


def _answer(
    one: Submission, owners: dict[bytes, Submission], earlier: dict[bytes, tuple[UUID, bytes]], lead_of: dict[bytes, UUID]
) -> Captured:
    if (key := one.idempotency_key) is None:
        lead_id = lead_of[one.content_key]
        return Captured(lead_id, lead_id != one.lead_id)
    if key in earlier:
        lead_id, fingerprint = earlier[key]
    else:
        owner = owners.get(key, one)
        lead_id, fingerprint = lead_of[owner.content_key], _what(owner)
    is_other = fingerprint.removesuffix(SET_ASIDE) != _what(one)
    return Captured(lead_id, lead_id != one.lead_id, is_other and not one.is_provider_id)


def _takes_its_place(one: Submission, owner: Submission) -> bool:
    """What was set aside gives way to the same, accepted."""
    return owner.held is not None and one.held is None and _what(one) == _what(owner)


def _what(one: Submission) -> bytes:
    """What a key stands for: a content, or whatever the sender tells under its own id."""
    return b"" if one.is_provider_id else one.said_key


async def _store_contents(
    unit: Transaction, submissions: list[Submission], now: datetime, repeat: timedelta
) -> dict[bytes, UUID]:
    """The lead of each content: the first of this batch, or the one that was stored a while ago."""
    first: dict[bytes, Submission] = {}
    for one in submissions:
        first.setdefault(one.content_key, one)
    lead_of: dict[bytes, UUID] = {}
    while fresh := [one for key, one in first.items() if key not in lead_of]:  # again: a receipt may expire in between
        stored = await _store(unit, fresh, now, repeat)
        lead_of |= {one.content_key: one.lead_id for one in fresh if one.lead_id in stored}
        if repeats := [one.content_key for one in fresh if one.lead_id not in stored]:
            for row in await unit.fetch("SELECT key, lead_id FROM receipt WHERE key = ANY($1::bytea[])", repeats):
                lead_of[row["key"]] = row["lead_id"]
    return lead_of


async def _store(unit: Transaction, fresh: list[Submission], now: datetime, repeat: timedelta) -> set[UUID]:
    rows = [
        {"k": one.content_key, "i": one.lead_id, "f": one.form, "c": one.content, "t": one.test, "q": one.held} for one in fresh
    ]
    return {row["id"] for row in await unit.fetch(STORE, as_json(rows), now + repeat, now)}


async def _claim_keys(
    unit: Transaction, owners: list[tuple[bytes, Submission]], now: datetime, keep: Keep
) -> dict[bytes, tuple[UUID, bytes]]:
    """Claim the keys; those seen before come back with their lead and what it said."""
    rows = await unit.fetch(
        CLAIM,
        [key for key, _ in owners],
        [one.lead_id for _, one in owners],
        [_what(one) + (SET_ASIDE if one.held else b"") for _, one in owners],
        [now + (keep.provider_ids if one.is_provider_id else keep.keys) for _, one in owners],
        now,
        SET_ASIDE,
    )
    ours = {one.lead_id for _, one in owners}
    return {row["key"]: (row["lead_id"], row["fingerprint"]) for row in rows if row["lead_id"] not in ours}


async def forget_expired_receipts(unit: Transaction, now: datetime) -> int:
    query = "DELETE FROM receipt WHERE key = ANY(ARRAY(SELECT key FROM receipt WHERE expires_at < $1 LIMIT 5000))"
    return int((await unit.execute(query, now)).split()[-1])
