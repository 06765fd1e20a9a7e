"""A touch is one row per (enrolment, step, cycle): a second one is impossible."""

from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.followup.models.base import FollowupTable, Instant


class Touch(FollowupTable, table=True):
    """planned <-> paused; planned -> sending -> sent; or skipped, failed, expired.

    A sender claims planned touches by a lease and a higher `fence`: no index knows of these, so that a claim writes none.
    """

    __table_args__ = (
        UniqueConstraint("enrolment_id", "step", "cycle"),
        Index("touch_due", "due_at", "id", postgresql_where="state = 'planned'"),
        Index("touch_sending", "id", postgresql_where="state = 'sending'"),
        Index("touch_client", "client_id", "due_at"),
    )

    id: UUID = Field(primary_key=True)
    enrolment_id: UUID = Field(foreign_key="enrolment.id")
    client_id: UUID
    lead_id: UUID
    plan: str
    plan_version: int
    step: str
    cycle: int = 0
    channel: str
    purpose: str
    priority: int = 0
    local_date: date  # what is meant; due_at is what follows from it by this zone data
    local_time: time
    zone: str
    tzdata: str
    due_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    notes: list[str] = Field(sa_type=JSONB)  # why it is not on the day the plan names
    state: str = "planned"
    attempt: int = 0
    fence: int = 0
    lease_until: datetime | None = Field(default=None, sa_type=Instant)
    message_id: str | None = None
    reason: str | None = None
    settled_at: datetime | None = Field(default=None, sa_type=Instant)
