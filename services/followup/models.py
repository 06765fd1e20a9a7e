"""Followup's tables. A touch is one row per (enrolment, step): a second one is impossible."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Index, LargeBinary, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from shared.api_keys import ApiKeyRow
from shared.inbox import InboxRow, inbox_indexes
from shared.outbox import DeadRow, OutboxRow, outbox_indexes

Instant = DateTime(timezone=True)


class FollowupTable(SQLModel, registry=registry()):
    """Base with a registry of its own."""


class Outbox(FollowupTable, OutboxRow, table=True):
    __tablename__ = "outbox"
    __table_args__ = outbox_indexes()


class OutboxDead(FollowupTable, DeadRow, table=True):
    __tablename__ = "outbox_dead"
    __table_args__ = (Index("outbox_dead_key", "topic", "key"),)


class Inbox(FollowupTable, InboxRow, table=True):
    __tablename__ = "inbox"
    __table_args__ = inbox_indexes()


class ApiKey(FollowupTable, ApiKeyRow, table=True):
    __tablename__ = "api_key"


class Client(FollowupTable, table=True):
    """A person who chose us. Their id is the person's id."""

    id: UUID = Field(primary_key=True)
    first_lead_id: UUID
    contact: dict[str, Any] = Field(sa_type=JSONB)
    erased: bool = False
    created_at: datetime = Field(sa_type=Instant)


class ClientLead(FollowupTable, table=True):
    """Which leads are whose, so that a job finds its client."""

    __tablename__ = "client_lead"

    lead_id: UUID = Field(primary_key=True)
    client_id: UUID = Field(index=True)


class Enrolment(FollowupTable, table=True):
    """A client in a plan, once per job."""

    __table_args__ = (UniqueConstraint("client_id", "plan", "subject"),)

    id: UUID = Field(primary_key=True)
    client_id: UUID
    lead_id: UUID
    plan: str
    subject: str
    enrolled_at: datetime = Field(sa_type=Instant)


class Touch(FollowupTable, table=True):
    """planned -> claimed -> sending -> sent; or skipped, failed, expired. `fence` rises with every claim."""

    __table_args__ = (
        UniqueConstraint("enrolment_id", "step"),
        Index("touch_due", "due_at", "id", postgresql_where="state = 'planned'"),
        Index("touch_leased", "lease_until", postgresql_where="state IN ('claimed', 'sending')"),
        Index("touch_client", "client_id", "due_at"),
    )

    id: UUID = Field(primary_key=True)
    enrolment_id: UUID = Field(foreign_key="enrolment.id")
    client_id: UUID
    lead_id: UUID
    plan: str
    step: str
    channel: str
    purpose: str
    due_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    state: str = "planned"
    attempt: int = 0
    fence: int = 0
    lease_until: datetime | None = Field(default=None, sa_type=Instant)
    message_id: str | None = None
    reason: str | None = None
    settled_at: datetime | None = Field(default=None, sa_type=Instant)


class Suppression(FollowupTable, table=True):
    """Never contact this address for this purpose. Keyed by a salted hash, so that it outlives erasure."""

    address_hash: bytes = Field(sa_type=LargeBinary, primary_key=True)
    channel: str = Field(primary_key=True)
    purpose: str = Field(primary_key=True)  # "all": nothing at all
    reason: str
    at: datetime = Field(sa_type=Instant)


class AgreementVersion(FollowupTable, table=True):
    __tablename__ = "agreement"

    hash: str = Field(primary_key=True)
    text: str
    at: datetime = Field(sa_type=Instant)
