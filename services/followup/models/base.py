"""What every table of followup is built on, and the tables of the core."""

from datetime import datetime

from sqlalchemy import DateTime, Index
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


class AgreementVersion(FollowupTable, table=True):
    __tablename__ = "agreement"

    hash: str = Field(primary_key=True)
    text: str
    at: datetime = Field(sa_type=Instant)
