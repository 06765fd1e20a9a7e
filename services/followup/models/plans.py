"""Plans, who is in them, and the journal of what was planned again."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.followup.models.base import FollowupTable, Instant


class PlanVersion(FollowupTable, table=True):
    """What was published, with its mails; never changed. At most one version of a plan takes new clients."""

    __tablename__ = "plan"
    __table_args__ = (Index("plan_published", "key", unique=True, postgresql_where="state = 'published'"),)

    key: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    sha256: str
    text: str
    templates: dict[str, str] = Field(sa_type=JSONB)
    state: str = "published"  # or retired
    published_at: datetime = Field(sa_type=Instant)
    retired_at: datetime | None = Field(default=None, sa_type=Instant)


class Enrolment(FollowupTable, table=True):
    """A client in a plan, once per subject (a job, or the client) and cycle: active <-> paused -> completed | stopped."""

    __table_args__ = (
        UniqueConstraint("plan", "client_id", "subject", "cycle"),
        Index("enrolment_client", "client_id"),
        Index("enrolment_horizon", "horizon", postgresql_where="state = 'active'"),
        Index("enrolment_basis", "basis", postgresql_where="state = 'active'"),
    )

    id: UUID = Field(primary_key=True)
    client_id: UUID
    lead_id: UUID
    plan: str
    plan_version: int
    subject: str
    cycle: int = 0
    anchors: dict[str, Any] = Field(sa_type=JSONB)
    state: str = "active"
    reason: str | None = None
    enrolled_at: datetime = Field(sa_type=Instant)
    settled_at: datetime | None = Field(default=None, sa_type=Instant)
    basis: str = ""  # what its touches were worked out from; another one now means: plan again
    horizon: date | None = None  # its touches are rows up to this day


class Recomputation(FollowupTable, table=True):
    """The journal of touches planned again: why, and how many moved."""

    id: UUID = Field(primary_key=True)
    at: datetime = Field(sa_type=Instant)
    cause: str
    enrolments: int
    kept: int
    moved: int
    gained: int
    lost: int
    max_shift_seconds: int
