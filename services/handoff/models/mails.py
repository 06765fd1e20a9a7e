"""Mails to reps that are still to be sent, and what persons said about being contacted, under whichever name."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.handoff.models.base import HandoffTable, Instant


class MailJob(HandoffTable, table=True):
    """One mail to a rep, or without one to the managers. Claimed by any replica; a claim moves `due_at`."""

    __tablename__ = "mail_job"

    id: UUID = Field(primary_key=True)
    kind: str
    rep_id: UUID | None
    lead_id: UUID
    assignment_id: UUID | None
    data: dict[str, Any] = Field(sa_type=JSONB)
    attempts: int = 0
    due_at: datetime = Field(sa_type=Instant, index=True)
    created_at: datetime = Field(sa_type=Instant)


class PersonConsent(HandoffTable, table=True):
    """The last word of a person on a channel and a purpose; an empty purpose is every purpose."""

    __tablename__ = "person_consent"

    person_id: UUID = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    purpose: str = Field(primary_key=True)
    granted: bool
    at: datetime = Field(sa_type=Instant)


class PersonHeir(HandoffTable, table=True):
    """Who a person turned out to be: a no that is read after the merge is of both."""

    __tablename__ = "person_heir"

    person_id: UUID = Field(primary_key=True)
    into_id: UUID
