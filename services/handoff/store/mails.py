"""Mails to reps that are still to be sent."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.handoff import models
from shared.database import Rows, Transaction


async def add(unit: Transaction, jobs: list[dict[str, Any]]) -> None:
    await unit.insert(models.MailJob, jobs)


CLAIM = """
WITH oldest AS MATERIALIZED (SELECT id, rep_id FROM mail_job WHERE due_at <= $1 ORDER BY due_at, id LIMIT $3),
crowded AS MATERIALIZED (  -- who gets one mail for all of them: only what is still open makes a crowd
  SELECT m.rep_id FROM mail_job m JOIN assignment a ON a.id = m.assignment_id AND a.state = 'offered'
  WHERE m.due_at <= $1 AND m.kind = 'offer' AND m.rep_id IN (SELECT rep_id FROM oldest)
  GROUP BY m.rep_id HAVING count(*) > $4)
UPDATE mail_job SET attempts = attempts + 1, due_at = $1 + $2::interval * (1 << least(attempts, 6))
WHERE id = ANY(ARRAY(
  SELECT id FROM mail_job WHERE due_at <= $1 AND (id IN (SELECT id FROM oldest)
    OR kind = 'offer' AND rep_id IN (SELECT rep_id FROM crowded)) ORDER BY due_at, id LIMIT 5000 FOR UPDATE SKIP LOCKED))
RETURNING id, kind, rep_id, lead_id, assignment_id, data, attempts, created_at"""


async def claim(unit: Transaction, now: datetime, lease: timedelta, limit: int, *, crowd: int) -> Rows:
    """Due mails, put off: if this process dies, another tries again when the lease is over; twice as long each time.

    The oldest `limit`, and for each rep with more than `crowd` offers all of theirs, which make one mail.
    """
    return await unit.fetch(CLAIM, now, lease, limit, crowd)


async def open_offers(unit: Transaction, assignment_ids: Collection[UUID]) -> Rows:
    """Those of these assignments that still wait for an answer."""
    return await unit.fetch(
        "SELECT a.id, a.rep_id, a.expires_at FROM assignment a JOIN lead l ON l.id = a.lead_id "
        "WHERE a.id = ANY($1::uuid[]) AND a.state = 'offered' AND l.state <> 'erased'",
        list(assignment_ids),
    )


async def discard_due(unit: Transaction, now: datetime, limit: int = 5000) -> int:
    chosen = "SELECT id FROM mail_job WHERE due_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED"
    return int((await unit.execute(f"DELETE FROM mail_job WHERE id = ANY(ARRAY({chosen}))", now, limit)).split()[-1])  # noqa: S608


async def done(unit: Transaction, job_ids: Sequence[UUID]) -> None:
    await unit.execute("DELETE FROM mail_job WHERE id = ANY($1::uuid[])", list(job_ids))


async def forget(unit: Transaction, lead_id: UUID) -> None:
    await unit.execute("DELETE FROM mail_job WHERE lead_id = $1", lead_id)


async def move(unit: Transaction, lead_id: UUID, into: UUID) -> None:
    """What the rep of a lead that was merged should hear of its client, the rep of the survivor hears."""
    await unit.execute(
        "UPDATE mail_job SET lead_id = $2, assignment_id = coalesce((SELECT a.id FROM assignment a WHERE a.lead_id = $2 "
        "ORDER BY a.attempt DESC LIMIT 1), assignment_id) WHERE lead_id = $1 AND kind NOT IN ('offer', 'warning', 'escalated')",
        lead_id,
        into,
    )


async def recipients(unit: Transaction, rep_ids: Collection[UUID]) -> Rows:
    """These reps, and every manager."""
    return await unit.fetch(
        "SELECT id, name, email, zone, manager FROM rep WHERE (id = ANY($1::uuid[]) OR manager) AND state <> 'left'",
        list(rep_ids),
    )


async def owners(unit: Transaction, lead_ids: Collection[UUID]) -> Rows:
    """Who has or had these leads; of one that was merged, who has its survivor."""
    return await unit.fetch(
        "SELECT l.id AS lead_id, coalesce(s.id, l.id) AS now_id, coalesce(s.owner_id, l.owner_id) AS rep_id, "
        "(SELECT a.id FROM assignment a WHERE a.lead_id = coalesce(s.id, l.id) ORDER BY a.attempt DESC LIMIT 1) AS assignment_id "
        "FROM lead l LEFT JOIN lead s ON s.id = l.merged_into WHERE l.id = ANY($1::uuid[]) AND l.state <> 'erased'",
        list(lead_ids),
    )
