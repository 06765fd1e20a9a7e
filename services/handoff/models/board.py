"""The scoreboard: made of facts alone, and made again from them by `scoreboard rebuild`."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, Numeric
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.handoff.models.base import HandoffTable, Instant


class BoardDue(HandoffTable, table=True):
    """A lead with new facts: its lines on the scoreboard are to be made again."""

    __tablename__ = "board_due"

    id: int | None = Field(default=None, sa_type=BigInteger, sa_column_args=[Identity(always=True)], primary_key=True)
    lead_id: UUID


class BoardState(HandoffTable, table=True):
    """One row: the agreement whose hours the lines were counted in."""

    __tablename__ = "board_state"

    id: int = Field(primary_key=True)
    agreement: str


class BoardLead(HandoffTable, table=True):
    """A lead on the scoreboard: its dimensions, and when it first came to each step."""

    __tablename__ = "board_lead"
    __table_args__ = (
        Index("board_lead_span", "last_at", "first_at"),
        Index("board_lead_person", "person_id", "won_at", postgresql_where="won_at IS NOT NULL"),
    )

    lead_id: UUID = Field(primary_key=True)
    person_id: UUID | None
    test: bool
    form: str
    selection: str
    tier: str
    source: str
    medium: str
    campaign: str
    pool: str
    rep_id: UUID | None
    received_at: datetime | None = Field(sa_type=Instant)
    raised_at: datetime | None = Field(sa_type=Instant)
    mql_at: datetime | None = Field(sa_type=Instant)
    offered_at: datetime | None = Field(sa_type=Instant)
    sal_at: datetime | None = Field(sa_type=Instant)
    sal_implied: bool
    contacted_at: datetime | None = Field(sa_type=Instant)
    contacted_implied: bool
    sales_qualified_at: datetime | None = Field(sa_type=Instant)
    sales_qualified_implied: bool
    proposed_at: datetime | None = Field(sa_type=Instant)
    won_at: datetime | None = Field(sa_type=Instant)
    lost_at: datetime | None = Field(sa_type=Instant)
    recycled_at: datetime | None = Field(sa_type=Instant)
    disqualified_at: datetime | None = Field(sa_type=Instant)
    merged_at: datetime | None = Field(sa_type=Instant)
    amount: Decimal | None = Field(sa_type=Numeric)
    currency: str
    rejected_as: list[str] = Field(sa_type=JSONB)
    sal_seconds: int | None = None
    contacted_seconds: int | None = None
    first_at: datetime = Field(sa_type=Instant)
    last_at: datetime = Field(sa_type=Instant)


class BoardAssignment(HandoffTable, table=True):
    """An assignment on the scoreboard: how it ended, and which promises were broken."""

    __tablename__ = "board_assignment"
    __table_args__ = (Index("board_assignment_lead", "lead_id"), Index("board_assignment_offered", "offered_at"))

    assignment_id: UUID = Field(primary_key=True)
    lead_id: UUID
    rep_id: UUID
    pool: str
    tier: str
    offered_at: datetime = Field(sa_type=Instant)
    answered_at: datetime | None = Field(sa_type=Instant)
    ended_as: str
    reason: str
    touched_at: datetime | None = Field(sa_type=Instant)
    acceptance_breached: bool
    touch_breached: bool
