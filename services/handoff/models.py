"""Handoff's tables. At most one active assignment per lead is a unique partial index, not a hope."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from shared.api_keys import ApiKeyRow
from shared.inbox import InboxRow, inbox_indexes
from shared.outbox import DeadRow, OutboxRow, outbox_indexes

Instant = DateTime(timezone=True)
ACTIVE = "state IN ('offered', 'accepted', 'active')"


class HandoffTable(SQLModel, registry=registry()):
    """Base with a registry of its own."""


class Outbox(HandoffTable, OutboxRow, table=True):
    __tablename__ = "outbox"
    __table_args__ = outbox_indexes()


class OutboxDead(HandoffTable, DeadRow, table=True):
    __tablename__ = "outbox_dead"
    __table_args__ = (Index("outbox_dead_key", "topic", "key"),)


class Inbox(HandoffTable, InboxRow, table=True):
    __tablename__ = "inbox"
    __table_args__ = inbox_indexes()


class ApiKey(HandoffTable, ApiKeyRow, table=True):
    __tablename__ = "api_key"


class Rep(HandoffTable, table=True):
    id: UUID = Field(primary_key=True)
    name: str
    email: str = Field(unique=True)
    state: str = "active"  # active | paused | left
    created_at: datetime = Field(sa_type=Instant)


class Pool(HandoffTable, table=True):
    """Its row is the lock under which the pool's leads are routed; `turn` counts its decisions."""

    name: str = Field(primary_key=True)
    turn: int = Field(default=0, sa_type=BigInteger)


class PoolMember(HandoffTable, table=True):
    """A rep's weight and credit in a pool. The credits of a pool add up to zero, always."""

    __tablename__ = "pool_member"

    pool: str = Field(primary_key=True)
    rep_id: UUID = Field(primary_key=True, foreign_key="rep.id")
    weight: int = 1
    credit: int = Field(default=0, sa_type=BigInteger)
    last_turn: int = Field(default=0, sa_type=BigInteger)


class Lead(HandoffTable, table=True):
    """A qualified lead in sales. `snapshot` is what marketing told us."""

    id: UUID = Field(primary_key=True)
    person_id: UUID = Field(index=True)
    state: str
    tier: str
    test: bool = False
    attempt: int = 0
    owner_id: UUID | None = None
    merged_into: UUID | None = None
    snapshot: dict[str, Any] = Field(sa_type=JSONB)
    qualified_at: datetime = Field(sa_type=Instant)
    updated_at: datetime = Field(sa_type=Instant)


class Assignment(HandoffTable, table=True):
    """An offer of one lead to one rep."""

    __table_args__ = (
        Index("assignment_active", "lead_id", unique=True, postgresql_where=ACTIVE),
        Index("assignment_attempt", "lead_id", "attempt", unique=True),
        Index("assignment_rep", "rep_id", "id"),
    )

    id: UUID = Field(primary_key=True)
    lead_id: UUID = Field(foreign_key="lead.id")
    rep_id: UUID = Field(foreign_key="rep.id")
    attempt: int
    state: str
    reason: str = ""
    offered_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    decision: dict[str, Any] = Field(sa_type=JSONB)


class Timer(HandoffTable, table=True):
    """Something to look at again at a time; claimed by any replica."""

    id: UUID = Field(primary_key=True)
    due_at: datetime = Field(sa_type=Instant, index=True)
    kind: str  # offer | held
    lead_id: UUID
    assignment_id: UUID | None = None


class Fact(HandoffTable, table=True):
    """Every event read or written, without personal data: the journey and the scoreboard are made of these."""

    source: str = Field(primary_key=True)
    event_id: str = Field(primary_key=True)
    lead_id: UUID | None = Field(default=None, index=True)
    type: str
    at: datetime = Field(sa_type=Instant, index=True)
    data: dict[str, Any] = Field(sa_type=JSONB)


class EarlyEvent(HandoffTable, table=True):
    """An outcome of a lead we do not know yet: the CRM may be faster than we are."""

    __tablename__ = "early_event"

    id: UUID = Field(primary_key=True)
    lead_id: UUID = Field(index=True)
    type: str
    data: dict[str, Any] = Field(sa_type=JSONB)
    received_at: datetime = Field(sa_type=Instant)


class Job(HandoffTable, table=True):
    """A completed job; one reported before the lead was won takes effect at won."""

    lead_id: UUID = Field(primary_key=True)
    job_id: str = Field(primary_key=True)
    trade: str = ""
    completed_on: date
    published: bool = False


class AgreementVersion(HandoffTable, table=True):
    """Every version ever applied; the newest is in force."""

    __tablename__ = "agreement"

    hash: str = Field(primary_key=True)
    text: str
    at: datetime = Field(sa_type=Instant)
    signed_by: list[str] = Field(sa_type=JSONB)
    published_at: datetime = Field(sa_type=Instant)
