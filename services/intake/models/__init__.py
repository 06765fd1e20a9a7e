"""Intake's tables. `submission` is also the ledger: one row per stored submission, in exactly one state."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, SmallInteger
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.intake.models.base import Instant, IntakeTable
from services.intake.models.doors import Endpoint, FormRow, LeadFetch
from services.intake.models.leads import AgreementVersion, Campaign, CampaignCost, Lead, Outcome, Rescore, ScoreEntry
from services.intake.models.people import ConsentRow, Erasure, Person, PersonKey, PersonMerge, ReviewTask
from shared.api_keys import ApiKeyRow
from shared.inbox import InboxRow, inbox_indexes
from shared.outbox import DeadRow, OutboxRow, outbox_indexes

__all__ = [
    "AgreementVersion",
    "ApiKey",
    "Campaign",
    "CampaignCost",
    "ConsentRow",
    "Endpoint",
    "Erasure",
    "FormRow",
    "Inbox",
    "IntakeTable",
    "Lead",
    "LeadFetch",
    "Outbox",
    "OutboxDead",
    "Outcome",
    "Person",
    "PersonKey",
    "PersonMerge",
    "Receipt",
    "Rescore",
    "ReviewTask",
    "ScoreEntry",
    "Submission",
]
LEDGER = ("waiting", "open", "closed", "merged", "quarantined", "disqualified", "erased")


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


class Receipt(IntakeTable, table=True):
    """What was answered to whom: the same key gets the same answer until it expires."""

    key: bytes = Field(sa_type=LargeBinary, primary_key=True)
    lead_id: UUID
    fingerprint: bytes = Field(sa_type=LargeBinary)
    expires_at: datetime = Field(sa_type=Instant, index=True)


class Submission(IntakeTable, table=True):
    """One raw post, kept as it came. Its id becomes the lead's id."""

    __table_args__ = (
        CheckConstraint(f"state IN {LEDGER}", name="submission_state"),
        Index("submission_waiting", "id", postgresql_where="state = 'waiting'"),
        Index("submission_received_at", "received_at", postgresql_using="brin"),
        Index("submission_merged_into", "merged_into", postgresql_where="merged_into IS NOT NULL"),
    )

    id: UUID = Field(primary_key=True)
    form: str
    content: dict[str, Any] = Field(sa_type=JSONB)
    received_at: datetime = Field(sa_type=Instant)
    test: bool = False
    state: str = "waiting"
    reason: str | None = None
    attempts: int = Field(default=0, sa_type=SmallInteger, sa_column_kwargs={"server_default": "0"})
    retry_at: datetime | None = Field(default=None, sa_type=Instant)
    merged_into: UUID | None = None
