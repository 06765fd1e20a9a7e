"""Intake's tables. `submission` is also the ledger: one row per stored submission, in exactly one state."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Index, LargeBinary, SmallInteger
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from shared.api_keys import ApiKeyRow
from shared.inbox import InboxRow, inbox_indexes
from shared.outbox import DeadRow, OutboxRow, outbox_indexes

Instant = DateTime(timezone=True)


class IntakeTable(SQLModel, registry=registry()):
    """Base with a registry of its own: three services may have a table `lead` in one process."""


class Outbox(IntakeTable, OutboxRow, table=True):
    __tablename__ = "outbox"
    __table_args__ = outbox_indexes()


class OutboxDead(IntakeTable, DeadRow, table=True):
    __tablename__ = "outbox_dead"
    __table_args__ = (Index("outbox_dead_key", "topic", "key"),)


class Inbox(IntakeTable, InboxRow, table=True):
    __tablename__ = "inbox"
    __table_args__ = inbox_indexes()


class ApiKey(IntakeTable, ApiKeyRow, table=True):
    __tablename__ = "api_key"


class FormRow(IntakeTable, table=True):
    """A form as its owner described it. A change is a new version; a disabled one answers as if it had never been."""

    __tablename__ = "form"

    key: str = Field(primary_key=True)
    definition: dict[str, Any] = Field(sa_type=JSONB)
    version: int = 1
    changed_at: datetime = Field(sa_type=Instant)
    disabled_at: datetime | None = Field(default=None, sa_type=Instant)


class Endpoint(IntakeTable, table=True):
    """Where a sender posts to. Its id cannot be guessed; up to two secrets are in force, so that one can be rotated."""

    id: str = Field(primary_key=True)
    kind: str
    form: str
    secret: str | None = None
    old_secret: str | None = None
    verify_token: str | None = None
    created_at: datetime = Field(sa_type=Instant)
    disabled_at: datetime | None = Field(default=None, sa_type=Instant)


class LeadFetch(IntakeTable, table=True):
    """A notice of a lead whose answers must be fetched from its sender: a job that survives a restart."""

    __tablename__ = "lead_fetch"
    __table_args__ = (Index("lead_fetch_due", "next_at", postgresql_where="done_at IS NULL"),)

    endpoint_id: str = Field(primary_key=True)
    provider_id: str = Field(primary_key=True)
    notice: dict[str, Any] = Field(sa_type=JSONB)
    received_at: datetime = Field(sa_type=Instant)
    next_at: datetime = Field(sa_type=Instant)
    attempts: int = Field(default=0, sa_type=SmallInteger, sa_column_kwargs={"server_default": "0"})
    error: str | None = None
    done_at: datetime | None = Field(default=None, sa_type=Instant, index=True)


class Receipt(IntakeTable, table=True):
    """What was answered to whom: the same key gets the same answer until it expires."""

    key: bytes = Field(sa_type=LargeBinary, primary_key=True)
    lead_id: UUID
    fingerprint: bytes = Field(sa_type=LargeBinary)
    expires_at: datetime = Field(sa_type=Instant, index=True)


class Submission(IntakeTable, table=True):
    """One raw post, kept as it came. Its id becomes the lead's id."""

    __table_args__ = (
        Index("submission_waiting", "id", postgresql_where="state = 'waiting'"),
        Index("submission_received_at", "received_at", postgresql_using="brin"),
    )

    id: UUID = Field(primary_key=True)
    form: str
    content: dict[str, Any] = Field(sa_type=JSONB)
    received_at: datetime = Field(sa_type=Instant)
    test: bool = False
    state: str = "waiting"
    reason: str | None = None
    attempts: int = Field(default=0, sa_type=SmallInteger, sa_column_kwargs={"server_default": "0"})


class Person(IntakeTable, table=True):
    id: UUID = Field(primary_key=True)
    created_at: datetime = Field(sa_type=Instant)


class PersonKey(IntakeTable, table=True):
    """A phone or an email of a person. A key may belong to several persons: families share phones."""

    __tablename__ = "person_key"

    kind: str = Field(primary_key=True)
    value: str = Field(primary_key=True)
    person_id: UUID = Field(primary_key=True, foreign_key="person.id", index=True)
    last_name: str
    seen_at: datetime = Field(sa_type=Instant)


class ReviewTask(IntakeTable, table=True):
    """Two persons who may be one: for people to look at, never a delay."""

    __tablename__ = "review_task"

    id: UUID = Field(primary_key=True)
    person_id: UUID
    other_id: UUID
    reason: str
    created_at: datetime = Field(sa_type=Instant)
    settled_at: datetime | None = Field(default=None, sa_type=Instant)


class Lead(IntakeTable, table=True):
    """One raised hand: a person's need."""

    id: UUID = Field(primary_key=True)
    person_id: UUID = Field(foreign_key="person.id", index=True)
    need: str
    stage: str
    tier: str | None = None
    score: int
    agreement: str
    opened_at: datetime = Field(sa_type=Instant)
    touched_at: datetime = Field(sa_type=Instant)


class ScoreEntry(IntakeTable, table=True):
    """One line of a score; the score is their sum, always."""

    __tablename__ = "score_entry"

    lead_id: UUID = Field(primary_key=True, foreign_key="lead.id")
    line: int = Field(sa_type=SmallInteger, primary_key=True)
    axis: str
    reason: str
    points: int


class ConsentRow(IntakeTable, table=True):
    """Evidence, append-only: what was asked, in which words, and the answer."""

    __tablename__ = "consent"

    id: UUID = Field(primary_key=True)
    person_id: UUID = Field(index=True)
    lead_id: UUID
    channel: str
    purpose: str | None = None
    granted: bool
    text: str
    text_sha256: str
    at: datetime = Field(sa_type=Instant)


class AgreementVersion(IntakeTable, table=True):
    """The agreements handoff applied; the newest is in force."""

    __tablename__ = "agreement"

    hash: str = Field(primary_key=True)
    text: str
    at: datetime = Field(sa_type=Instant)
