"""Who the clients are and what is known of them: leads, jobs, assets, facts, and what holds their plans back."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.followup.models.base import FollowupTable, Instant


class Client(FollowupTable, table=True):
    """A person who chose us. Their id is the person's id; alone, they are a household of their own."""

    __table_args__ = (
        Index("client_email", text("lower(contact ->> 'email'::text)")),  # who wrote to us
        Index("client_phone", text("(contact ->> 'phone'::text)")),
    )

    id: UUID = Field(primary_key=True)
    first_lead_id: UUID
    household_id: UUID = Field(index=True)
    surname: str | None = Field(default=None, index=True)  # folded: finds the household
    contact: dict[str, Any] = Field(sa_type=JSONB)
    zone: str | None = None  # as stated; else the company's
    region: str | None = None
    prospect: bool = False  # has not chosen us yet: known only because a plan acknowledges their request
    erased: bool = False
    merged_into: UUID | None = None  # the same person under another id: what they had is there now
    moved_at: datetime | None = Field(default=None, sa_type=Instant)
    stopped_at: datetime | None = Field(default=None, sa_type=Instant)  # they asked for nothing at all
    created_at: datetime = Field(sa_type=Instant)


class ClientLead(FollowupTable, table=True):
    """Which leads are whose, so that a job finds its client."""

    __tablename__ = "client_lead"

    lead_id: UUID = Field(primary_key=True)
    client_id: UUID = Field(index=True)


class Job(FollowupTable, table=True):
    """Work we did for a client."""

    client_id: UUID = Field(primary_key=True)
    id: str = Field(primary_key=True)
    lead_id: UUID
    trade: str = ""
    outcome: str = ""
    completed_on: date
    arrived_at: datetime = Field(sa_type=Instant)


class Asset(FollowupTable, table=True):
    """Something in their house that needs looking after: a water heater, a panel."""

    client_id: UUID = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    installed_on: date
    warranty_until: date | None = None


class ClientFact(FollowupTable, table=True):
    """Something that happened to a client and that plans look at: review.received, referral.won, …"""

    __tablename__ = "client_fact"

    client_id: UUID = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    ref: str = Field(primary_key=True)
    at: datetime = Field(sa_type=Instant)


class Hold(FollowupTable, table=True):
    """Why plans pause: complaint.open, conversation.open, job.open. It ends when closed, or by itself at `until`."""

    client_id: UUID = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    ref: str = Field(primary_key=True)
    opened_at: datetime = Field(sa_type=Instant)
    until: datetime = Field(sa_type=Instant, index=True)
