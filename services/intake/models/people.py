"""Who the people are, and what they allowed. Merging links persons, it never overwrites one."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, LargeBinary
from sqlmodel import Field

from services.intake.models.base import Instant, IntakeTable


class Person(IntakeTable, table=True):
    """A person; `merged_into` is the current end of their merges, which are kept in person_merge."""

    __table_args__ = (Index("person_merged_into", "merged_into", postgresql_where="merged_into IS NOT NULL"),)

    id: UUID = Field(primary_key=True)
    created_at: datetime = Field(sa_type=Instant)
    merged_into: UUID | None = None


class PersonKey(IntakeTable, table=True):
    """A phone or an email of a person, under which last name, since when and why. Families share phones."""

    __tablename__ = "person_key"

    kind: str = Field(primary_key=True)
    value: str = Field(primary_key=True)
    person_id: UUID = Field(primary_key=True, foreign_key="person.id", index=True)
    name: str = Field(primary_key=True)
    since: datetime = Field(sa_type=Instant, primary_key=True)
    until: datetime | None = Field(default=None, sa_type=Instant)
    why: str
    lead_id: UUID | None = None


class PersonMerge(IntakeTable, table=True):
    """Two persons who turned out to be one, by which submission, and whether it was undone."""

    __tablename__ = "person_merge"

    id: UUID = Field(primary_key=True)
    person_id: UUID = Field(index=True)
    into_id: UUID = Field(index=True)
    why: str
    lead_id: UUID | None = None
    at: datetime = Field(sa_type=Instant)
    undone_at: datetime | None = Field(default=None, sa_type=Instant)


class ReviewTask(IntakeTable, table=True):
    """Two persons who may be one: for people to look at, never a delay. Settled as `different`, they stay apart."""

    __tablename__ = "review_task"
    __table_args__ = (
        Index("review_task_pair", "person_id", "other_id", unique=True),
        Index("review_task_open", "created_at", postgresql_where="settled_at IS NULL"),
    )

    id: UUID = Field(primary_key=True)
    person_id: UUID
    other_id: UUID = Field(index=True)
    reason: str
    created_at: datetime = Field(sa_type=Instant)
    settled_at: datetime | None = Field(default=None, sa_type=Instant)
    outcome: str | None = None


class ConsentRow(IntakeTable, table=True):
    """Evidence, append-only: what was asked, where and in which words, and the answer. A revocation is a row too."""

    __tablename__ = "consent"

    id: UUID = Field(primary_key=True)
    person_id: UUID = Field(index=True)
    lead_id: UUID | None = None
    channel: str
    purpose: str | None = None
    granted: bool
    source: str
    text: str
    text_sha256: str
    text_version: str | None = None
    checkbox: str | None = None
    form: str | None = None
    form_version: str | None = None
    page_url: str | None = None
    ip: str | None = None
    user_agent: str | None = None
    seller: str | None = None
    reason: str | None = None
    at: datetime = Field(sa_type=Instant)


class Erasure(IntakeTable, table=True):
    """That somebody was erased: their ids and keys as keyed hashes, which name nobody."""

    key_hash: bytes = Field(sa_type=LargeBinary, primary_key=True)
    at: datetime = Field(sa_type=Instant)
