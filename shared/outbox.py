"""The outbox: events are rows in the transaction that made them true, until the relay has published them.

Writer rule: lock or update the lead's row first, emit after, in the same transaction: then `seq` is commit order.
"""

import zlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Identity, Index, LargeBinary, SmallInteger, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from shared.database import Rows, Transaction
from shared.envelope import Record, to_record
from shared.events import Event
from shared.telemetry import current_traceparent

SHARDS = 8  # fixed: changing it needs an empty outbox


class OutboxRow(SQLModel):
    """Columns of the outbox; each service inherits them beside its own registry."""

    seq: int | None = Field(default=None, sa_type=BigInteger, sa_column_args=[Identity(always=True)], primary_key=True)
    shard: int = Field(sa_type=SmallInteger)
    topic: str
    key: str
    headers: dict[str, str] = Field(sa_type=JSONB)
    payload: bytes = Field(sa_type=LargeBinary)
    created_at: datetime = Field(
        sa_type=DateTime(timezone=True),
        sa_column_kwargs={"server_default": func.clock_timestamp()},
    )


class DeadRow(SQLModel):
    """An event the broker refuses for good: too large, or invalid. Later events of its key wait behind it."""

    seq: int = Field(sa_type=BigInteger, primary_key=True)
    shard: int = Field(sa_type=SmallInteger)
    topic: str
    key: str
    headers: dict[str, str] = Field(sa_type=JSONB)
    payload: bytes = Field(sa_type=LargeBinary)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    reason: str


def outbox_indexes() -> tuple[Index, ...]:
    return (Index("outbox_shard_seq", "shard", "seq"),)


def shard_of(key: str) -> int:
    return zlib.crc32(key.encode()) % SHARDS


PUT = """
INSERT INTO outbox (shard, topic, key, headers, payload)
SELECT * FROM ROWS FROM (json_to_recordset($1::json) AS (s smallint, t text, k text, h jsonb), unnest($2::bytea[]))"""


# With the numbers they had: what waits behind them stays behind them.
RESEND = """
WITH gone AS (DELETE FROM outbox_dead RETURNING *)
INSERT INTO outbox (seq, shard, topic, key, headers, payload, created_at) OVERRIDING SYSTEM VALUE
SELECT seq, shard, topic, key, headers, payload, created_at FROM gone"""


async def refused(unit: Transaction) -> Rows:
    """Events the broker refused for good, oldest first."""
    return await unit.fetch("SELECT topic, key, headers->>'ce_type' AS type, reason FROM outbox_dead ORDER BY seq")


async def resend(unit: Transaction) -> None:
    """Publish them again; what is refused once more is set aside once more."""
    await unit.execute(RESEND)


async def withdraw(unit: Transaction, lead_ids: Iterable[UUID]) -> None:
    """What has not left yet of erased leads, and what the broker refused: the topics need not hear of it any more."""
    for table in ("outbox", "outbox_dead"):
        await unit.execute(f"DELETE FROM {table} WHERE key = ANY($1::text[])", [str(one) for one in lead_ids])  # noqa: S608


async def emit(
    unit: Transaction, events: Iterable[Event], *, topic: str, source: str, at: datetime, key: str | None = None
) -> None:
    """Put events into the outbox, in order. The key is the lead's id unless given."""
    records = [to_record(event, key=key or str(event.lead_id), source=source, at=at) for event in events]  # type: ignore[attr-defined]
    await put(unit, topic, records)


async def put(unit: Transaction, topic: str, records: list[Record]) -> None:
    """Put final records into the outbox, with the trace they belong to."""
    if not records:
        return
    for record in records:
        if traceparent := current_traceparent(record.key):
            record.headers.setdefault("traceparent", traceparent)
    rows: list[dict[str, Any]] = [
        {"s": shard_of(record.key), "t": topic, "k": record.key, "h": record.headers} for record in records
    ]
    await unit.write(PUT, rows, apart=[record.value for record in records])
    unit.shards.update(row["s"] for row in rows)
