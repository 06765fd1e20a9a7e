"""What people said about being contacted, and which addresses may not be used for what."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, LargeBinary
from sqlmodel import Field

from services.followup.models.base import FollowupTable, Instant


class Suppression(FollowupTable, table=True):
    """Never contact this address for this purpose. Keyed by a salted hash, so that it outlives erasure and merge."""

    address_hash: bytes = Field(sa_type=LargeBinary, primary_key=True)
    channel: str = Field(primary_key=True)
    purpose: str = Field(primary_key=True)  # "all": nothing at all
    reason: str
    at: datetime = Field(sa_type=Instant)
    until: datetime | None = Field(default=None, sa_type=Instant)  # a mailbox that was full too often rests for a while


class ConsentEvent(FollowupTable, table=True):
    """One thing somebody said, append-only; what holds now is a fold (domain/consent.py). No address, only its hash."""

    __tablename__ = "consent_event"
    __table_args__ = (
        Index("consent_event_address", "address_hash", "channel"),
        Index("consent_event_client", "client_id"),
    )

    id: UUID = Field(primary_key=True)
    client_id: UUID | None = None
    address_hash: bytes | None = Field(default=None, sa_type=LargeBinary)
    channel: str
    purpose: str = ""  # empty: every purpose
    granted: bool
    basis: str = "express"
    evidence: str = ""
    at: datetime = Field(sa_type=Instant)
    expires_at: datetime | None = Field(default=None, sa_type=Instant)
