"""The inbox: which events were read. Inserting the row is the fence that makes an effect happen once."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import DateTime, Index, SmallInteger, func
from sqlmodel import Field, SQLModel

from shared.database import Transaction
from shared.envelope import Received
from shared.statements import as_json

# DEAD failed, and its key waits until it is redriven; PARKED waits behind it; REFUSED harms nobody and parks nothing.
DONE, DEAD, REFUSED, PARKED = 0, 1, 2, 3
KEPT = timedelta(days=45)  # longer than a letter lies on its topic: a redrive finds what is done, and what must wait


class InboxRow(SQLModel):
    """CloudEvents identity is source + id. Rows are `KEPT`."""

    source: str = Field(primary_key=True)
    event_id: str = Field(primary_key=True)
    topic: str
    key: str
    status: int = Field(default=DONE, sa_type=SmallInteger, sa_column_kwargs={"server_default": "0"})
    received_at: datetime = Field(
        sa_type=DateTime(timezone=True),
        sa_column_kwargs={"server_default": func.now()},
    )


def inbox_indexes() -> tuple[Index, ...]:
    return (
        Index("inbox_received_at", "received_at", postgresql_using="brin"),
        Index("inbox_dead", "topic", "key", postgresql_where="status IN (1, 3)"),
    )


CLAIM = """
WITH fresh AS (
  INSERT INTO inbox (source, event_id, topic, key)
  SELECT * FROM json_to_recordset($1::json) AS r(s text, i text, t text, k text) ORDER BY 1, 2  -- one order: no deadlock
  ON CONFLICT DO NOTHING RETURNING source, event_id, topic, key)
SELECT f.source, f.event_id, EXISTS (
  SELECT 1 FROM inbox d WHERE d.status IN (1, 3) AND d.topic = f.topic AND d.key = f.key) AS parked
FROM fresh f"""
REVIVE = """
WITH r AS MATERIALIZED (SELECT * FROM unnest($1::text[], $2::text[]) AS r(source, event_id))
UPDATE inbox i SET status = 0 FROM r WHERE i.source = r.source AND i.event_id = r.event_id AND i.status <> 0
AND NOT (i.status = 3 AND EXISTS (  -- what it waits behind failed again, and is not among these
  SELECT 1 FROM inbox d WHERE d.status = 1 AND d.topic = i.topic AND d.key = i.key
  AND NOT EXISTS (SELECT 1 FROM r WHERE r.source = d.source AND r.event_id = d.event_id)))
RETURNING i.source, i.event_id, FALSE AS parked"""

Name = tuple[str, str]


async def claim(unit: Transaction, received: Sequence[Received]) -> dict[Name, bool]:
    """The events nobody has handled yet, each with whether its key is parked. A redriven one counts if it was dead,
    and none that failed before it still is: the rest of a key never overtakes its head."""
    names = [{"s": one.source, "i": one.id, "t": one.topic, "k": one.key} for one in received]
    found = await unit.fetch(CLAIM, as_json(names))
    if redriven := [one for one in received if one.redriven]:
        found += await unit.fetch(REVIVE, [one.source for one in redriven], [one.id for one in redriven])
    return {(row["source"], row["event_id"]): row["parked"] for row in found}


async def mark(unit: Transaction, name: Name, *, topic: str, key: str, status: int) -> bool:
    """Record that an event went to the dead letters. False if that was already so."""
    found = await unit.fetch(
        "INSERT INTO inbox AS i (source, event_id, topic, key, status) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (source, event_id) DO UPDATE SET status = excluded.status WHERE i.status = 0 RETURNING 1",
        *name,
        topic,
        key,
        status,
    )
    return bool(found)


async def purge(unit: Transaction, *, before: datetime) -> int:
    """Forget what is older than any redelivery can be, a chunk at a time."""
    query = "DELETE FROM inbox WHERE ctid = ANY(ARRAY(SELECT ctid FROM inbox WHERE received_at < $1 LIMIT 5000))"
    return int((await unit.execute(query, before)).split()[-1])
