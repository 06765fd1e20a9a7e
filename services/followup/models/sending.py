"""The journal of sending: what was intended, what was sent, what came back. Rows are added, never changed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field

from services.followup.models.base import FollowupTable, Instant


class Attempt(FollowupTable, table=True):
    """An intent to send, committed before the first byte leaves."""

    touch_id: UUID = Field(primary_key=True)
    fence: int = Field(primary_key=True)
    number: int
    message_id: str
    at: datetime = Field(sa_type=Instant)


class Sent(FollowupTable, table=True):
    """A touch that went out. A second one of the same touch is impossible, and so is one of its twin after a restore."""

    __table_args__ = (
        UniqueConstraint("client_id", "plan", "subject", "step", "cycle", name="sent_once"),
        Index("sent_at", "at"),
    )

    touch_id: UUID = Field(primary_key=True)
    client_id: UUID
    lead_id: UUID
    plan: str
    subject: str
    step: str
    cycle: int
    channel: str
    message_id: str
    at: datetime = Field(sa_type=Instant)
    address_hash: bytes | None = Field(default=None, sa_type=LargeBinary)  # where it went: what a bounce of it speaks of
    told_by: str = "answer"  # witness: settled later; provider: its call; topic: rebuilt from followup.touches.v1


class DeliveryFact(FollowupTable, table=True):
    """What came back about a touch or an address: bounced, deferred, complained, replied. `ref` makes a repeat impossible."""

    __tablename__ = "delivery_fact"
    __table_args__ = (
        Index("delivery_fact_address", "address_hash", "at"),
        Index("delivery_fact_kind", "kind", "at"),
    )

    ref: str = Field(primary_key=True)
    kind: str
    touch_id: UUID | None = None
    client_id: UUID | None = None
    address_hash: bytes | None = Field(default=None, sa_type=LargeBinary)
    detail: str = ""
    at: datetime = Field(sa_type=Instant)


class SendLimit(FollowupTable, table=True):
    """How much of a limit is used up in its current window; shared by every replica."""

    __tablename__ = "send_limit"

    name: str = Field(primary_key=True)
    window_start: datetime = Field(sa_type=Instant)
    used: int = 0


class TopicPosition(FollowupTable, table=True):
    """Up to where followup.touches.v1 was compared with the journal. A restored backup is behind, and finds out by this."""

    __tablename__ = "topic_position"

    partition: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    offset: int = Field(sa_type=BigInteger)


class Notice(FollowupTable, table=True):
    """A mail to the company itself: what a client wrote, for a person to read. It goes when it was sent."""

    __table_args__ = (Index("notice_due", "due_at"),)

    id: UUID = Field(primary_key=True)
    subject: str
    text: str
    reply_to: str | None = None
    due_at: datetime = Field(sa_type=Instant)
    attempt: int = 0
