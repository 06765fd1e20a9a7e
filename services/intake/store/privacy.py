"""Everything we hold of a person, to hand it to them or to forget it. Rare, so it may look through whole tables."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.intake import models
from shared.database import Rows, Transaction

# A lead that another replaced is still its own person's, should they be unmerged.
SAID_BY = """
SELECT s.id, s.form, s.received_at, s.state, s.test, s.content, s.content->'fields'->>'last_name' AS last_name,
  lower(s.content->'fields'->>'email') = ANY($2::text[]) AS by_email, l.person_id
FROM submission s LEFT JOIN lead own ON own.id = s.id LEFT JOIN lead l ON l.id = coalesce(own.id, s.merged_into)
WHERE s.state <> 'erased' AND (l.person_id = ANY($1::uuid[]) OR ((l.id IS NULL OR l.test)
  AND (lower(s.content->'fields'->>'email') = ANY($2::text[]) OR s.content->'fields'->>'phone' = ANY($3::text[]))))
ORDER BY s.id"""

# Of the escapes in a text the digits do not count, as in %28419%29. What is found may still be a part of another's.
WITHOUT_CONTACT = """
SELECT s.id, s.form, s.received_at, s.state, s.test, s.content, s.content::text AS text, NULL AS person_id
FROM submission s LEFT JOIN lead l ON l.id = coalesce(s.merged_into, s.id)
WHERE s.state <> 'erased' AND l.id IS NULL
  AND coalesce(s.content->'fields'->>'email', '') = '' AND coalesce(s.content->'fields'->>'phone', '') = ''
  AND EXISTS (SELECT 1 FROM unnest($1::text[]) AS d(domain) WHERE position(d.domain IN lower(s.content::text)) > 0
    UNION ALL SELECT 1 FROM unnest($2::text[]) AS n(number)
    WHERE position(n.number IN regexp_replace(s.content::text, '%[0-9A-Fa-f]{2}|[^0-9]', '', 'g')) > 0)
ORDER BY s.id"""


async def submissions_of(unit: Transaction, person_ids: Sequence[UUID], emails: Sequence[str], phones: Sequence[str]) -> Rows:
    """What became leads of theirs or touches on them, and what nobody has identified (yet) but bears their keys."""
    return await unit.fetch(SAID_BY, person_ids, emails, phones)


async def submissions_with(unit: Transaction, domains: Sequence[str], numbers: Sequence[str]) -> Rows:
    """What has neither lead nor contact, and a text that may name an email of these domains or one of these numbers."""
    return await unit.fetch(WITHOUT_CONTACT, domains, numbers)


async def lock_submissions(unit: Transaction, ids: Sequence[UUID]) -> None:
    """Before anything else, as the second step does: nobody waits for the other."""
    await unit.execute("SELECT 1 FROM submission WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE", ids)


async def rows_about(unit: Transaction, table: str, person_ids: Sequence[UUID]) -> Rows:
    """`table` is one of ours that names a person."""
    query = {
        "outcome": "SELECT * FROM outcome WHERE person_id = ANY($1::uuid[]) ORDER BY at",
        "review_task": "SELECT * FROM review_task WHERE person_id = ANY($1::uuid[]) OR other_id = ANY($1::uuid[])",
        "score_entry": "SELECT s.* FROM score_entry s JOIN lead l ON l.id = s.lead_id WHERE l.person_id = ANY($1::uuid[])",
    }[table]
    return await unit.fetch(query, person_ids)


async def forget_persons(unit: Transaction, person_ids: Sequence[UUID]) -> None:
    """Every row that names them; the order is that of the foreign keys."""
    for query in (
        "DELETE FROM score_entry s USING lead l WHERE l.id = s.lead_id AND l.person_id = ANY($1::uuid[])",
        "DELETE FROM outcome o USING lead l WHERE l.id = o.lead_id AND l.person_id = ANY($1::uuid[])",
        "DELETE FROM lead WHERE person_id = ANY($1::uuid[])",
        "DELETE FROM consent WHERE person_id = ANY($1::uuid[])",
        "DELETE FROM review_task WHERE person_id = ANY($1::uuid[]) OR other_id = ANY($1::uuid[])",
        "DELETE FROM person_merge WHERE person_id = ANY($1::uuid[]) OR into_id = ANY($1::uuid[])",
        "DELETE FROM person_key WHERE person_id = ANY($1::uuid[])",
        "DELETE FROM person WHERE id = ANY($1::uuid[])",
    ):
        await unit.execute(query, person_ids)


async def empty_submissions(unit: Transaction, ids: Sequence[UUID]) -> None:
    """The ledger keeps its row and its count. Receipts keep their key, so that a sender's repeat revives nothing."""
    await unit.execute(
        "UPDATE submission SET state = 'erased', content = '{}', reason = NULL, retry_at = NULL, merged_into = NULL "
        "WHERE id = ANY($1::uuid[])",
        ids,
    )
    await unit.execute("DELETE FROM receipt WHERE lead_id = ANY($1::uuid[]) AND key = fingerprint", ids)
    await unit.execute("UPDATE receipt SET fingerprint = '' WHERE lead_id = ANY($1::uuid[])", ids)


async def remember_erasure(unit: Transaction, hashes: Sequence[bytes], now: datetime) -> None:
    await unit.insert(models.Erasure, [{"key_hash": one, "at": now} for one in hashes], "ON CONFLICT DO NOTHING")
