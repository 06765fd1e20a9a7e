"""The doors: forms as data, endpoints of senders, and leads that must be fetched from them."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, SmallInteger
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.intake.models.base import Instant, IntakeTable


class FormRow(IntakeTable, table=True):
    """A form as its owner described it. A change is a new version; a disabled one answers as if it had never been.
    `earlier_consents` is only added to: pages with the words of then are still open, and pasted into sites."""

    __tablename__ = "form"

    key: str = Field(primary_key=True)
    definition: dict[str, Any] = Field(sa_type=JSONB)
    version: int = 1
    changed_at: datetime = Field(sa_type=Instant)
    disabled_at: datetime | None = Field(default=None, sa_type=Instant)
    earlier_consents: list[dict[str, Any]] = Field(sa_type=JSONB, sa_column_kwargs={"server_default": "[]"})


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
