"""Raised hands: what they are worth, why, what became of them; campaigns and the agreements in force."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Numeric, SmallInteger
from sqlmodel import Field

from services.intake.models.base import Instant, IntakeTable


class Lead(IntakeTable, table=True):
    """One raised hand: a person's need. Score, fit, intent, grade and tier are as decided at `decided_at`; first and last
    touch are the submissions that brought the person, frozen when the lead was opened."""

    id: UUID = Field(primary_key=True)
    person_id: UUID = Field(foreign_key="person.id", index=True)
    need: str
    stage: str
    test: bool = Field(default=False, sa_column_kwargs={"server_default": "false"})
    tier: str | None = None
    score: int
    grade: str = Field(default="", sa_column_kwargs={"server_default": ""})
    agreement: str
    campaign: str | None = None
    first_touch: UUID | None = None
    last_touch: UUID | None = None
    opened_at: datetime = Field(sa_type=Instant)
    decided_at: datetime = Field(sa_type=Instant)
    touched_at: datetime = Field(sa_type=Instant)


class ScoreEntry(IntakeTable, table=True):
    """One line of a score: its points when it was earned, `at`. What it is worth later follows from that and the agreement."""

    __tablename__ = "score_entry"

    lead_id: UUID = Field(primary_key=True, foreign_key="lead.id")
    line: int = Field(sa_type=SmallInteger, primary_key=True)
    axis: str
    kind: str = Field(default="", sa_column_kwargs={"server_default": ""})
    rule: str = Field(default="", sa_column_kwargs={"server_default": ""})
    reason: str
    points: int
    at: datetime = Field(sa_type=Instant)


class Outcome(IntakeTable, table=True):
    """What sales made of a lead, beside what we thought of it then: labelled history to learn from."""

    id: UUID = Field(primary_key=True)
    lead_id: UUID = Field(index=True)
    person_id: UUID
    outcome: str
    reason: str = ""
    score: int
    grade: str
    tier: str | None = None
    agreement: str
    campaign: str | None = None
    at: datetime = Field(sa_type=Instant)


class Campaign(IntakeTable, table=True):
    """A campaign as marketing knows it, and the sentence it promised people."""

    key: str = Field(primary_key=True)
    promise: str | None = None
    changed_at: datetime = Field(sa_type=Instant)


class CampaignCost(IntakeTable, table=True):
    """What a campaign cost on a day."""

    __tablename__ = "campaign_cost"

    campaign: str = Field(primary_key=True)
    spent_on: date = Field(primary_key=True)
    amount: Decimal = Field(sa_type=Numeric(14, 3))
    currency: str
    imported_at: datetime = Field(sa_type=Instant)


class AgreementVersion(IntakeTable, table=True):
    """The agreements handoff applied; the newest is in force."""

    __tablename__ = "agreement"

    hash: str = Field(primary_key=True)
    text: str
    at: datetime = Field(sa_type=Instant)


class Rescore(IntakeTable, table=True):
    """Scoring open leads again by a new agreement: how far it is, so that it goes on where it was."""

    agreement: str = Field(primary_key=True, foreign_key="agreement.hash")
    total: int
    done: int = 0
    qualified: int = 0
    disqualified: int = 0
    failed: int = 0
    reached: UUID | None = None
    started_at: datetime = Field(sa_type=Instant)
    finished_at: datetime | None = Field(default=None, sa_type=Instant)
