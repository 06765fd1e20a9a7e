"""Handoff's tables. At most one active assignment per lead is a unique partial index, not a hope."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, SmallInteger, false, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.handoff.models.base import ACTIVE, NOTHING_LISTED, HandoffTable, Instant
from services.handoff.models.board import BoardAssignment, BoardDue, BoardLead, BoardState
from services.handoff.models.mails import MailJob, PersonConsent, PersonHeir
from shared.api_keys import ApiKeyRow
from shared.inbox import InboxRow, inbox_indexes
from shared.outbox import DeadRow, OutboxRow, outbox_indexes

__all__ = [
    "ACTIVE",
    "AgreementVersion",
    "ApiKey",
    "Assignment",
    "BoardAssignment",
    "BoardDue",
    "BoardLead",
    "BoardState",
    "EarlyEvent",
    "Fact",
    "HandoffTable",
    "Inbox",
    "Instant",
    "Job",
    "Lead",
    "MailJob",
    "Outbox",
    "OutboxDead",
    "PersonConsent",
    "PersonHeir",
    "Pool",
    "PoolMember",
    "Refund",
    "Rep",
    "Roster",
    "TimeOff",
    "Timer",
]


class Outbox(HandoffTable, OutboxRow, table=True):
    __tablename__ = "outbox"
    __table_args__ = outbox_indexes()


class OutboxDead(HandoffTable, DeadRow, table=True):
    __tablename__ = "outbox_dead"
    __table_args__ = (Index("outbox_dead_key", "topic", "key"),)


class Inbox(HandoffTable, InboxRow, table=True):
    __tablename__ = "inbox"
    __table_args__ = inbox_indexes()


class ApiKey(HandoffTable, ApiKeyRow, table=True):
    __tablename__ = "api_key"


class Rep(HandoffTable, table=True):
    """Who sells. Nothing set: can do everything, everywhere, at any time, without a limit.

    `state`: active | paused | left; a pause ends by itself at `paused_until`. `languages`: none listed speaks all.
    `territories`: names from the agreement, none: everywhere. `hours`: {"mon": ["09:00-12:00", "13:00-17:00"]} in `zone`
    (empty: the pool's), as shared.agreement.Hours; none: always. `holidays`: a set of the agreement (empty: the pool's).
    `max_open`, `max_per_day`: no new lead at that many. `on_call`: woken after hours where the tier says so.
    `manager`: asked when a pool has nobody else.
    """

    id: UUID = Field(primary_key=True)
    name: str
    email: str = Field(unique=True)
    state: str = "active"
    created_at: datetime = Field(sa_type=Instant)
    skills: list[str] = Field(sa_type=JSONB, sa_column_kwargs=NOTHING_LISTED)
    languages: list[str] = Field(sa_type=JSONB, sa_column_kwargs=NOTHING_LISTED)
    licences: list[str] = Field(sa_type=JSONB, sa_column_kwargs=NOTHING_LISTED)
    territories: list[str] = Field(sa_type=JSONB, sa_column_kwargs=NOTHING_LISTED)
    zone: str = Field(default="", sa_column_kwargs={"server_default": ""})
    hours: dict[str, list[str]] = Field(sa_type=JSONB, sa_column_kwargs={"server_default": text("'{}'::jsonb")})
    holidays: str = Field(default="", sa_column_kwargs={"server_default": ""})
    paused_until: datetime | None = Field(default=None, sa_type=Instant)
    max_open: int | None = None
    max_per_day: int | None = None
    manager: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    on_call: bool = Field(default=False, sa_column_kwargs={"server_default": false()})


class TimeOff(HandoffTable, table=True):
    """A rep is away between two instants."""

    __tablename__ = "time_off"
    __table_args__ = (Index("time_off_rep", "rep_id", "ends_at"),)

    id: UUID = Field(primary_key=True)
    rep_id: UUID = Field(foreign_key="rep.id")
    starts_at: datetime = Field(sa_type=Instant)
    ends_at: datetime = Field(sa_type=Instant)
    reason: str = ""


class Pool(HandoffTable, table=True):
    """Its row is the lock under which the pool's leads are routed; `turn` counts its decisions."""

    name: str = Field(primary_key=True)
    turn: int = Field(default=0, sa_type=BigInteger)


class PoolMember(HandoffTable, table=True):
    """A rep's weight and credit in a pool. The credits of a pool add up to zero, always.

    Never delete a row: who leaves the pool gets weight 0, and the next decision hands their balance to the others.
    """

    __tablename__ = "pool_member"

    pool: str = Field(primary_key=True)
    rep_id: UUID = Field(primary_key=True, foreign_key="rep.id")
    weight: int = 1
    credit: int = Field(default=0, sa_type=BigInteger)
    last_turn: int = Field(default=0, sa_type=BigInteger)


class Lead(HandoffTable, table=True):
    """A qualified lead in sales. `snapshot` is what marketing told us. `held_in`: the pool that has nobody for it yet."""

    __table_args__ = (Index("lead_held", "held_in", "qualified_at", postgresql_where="state = 'held'"),)

    id: UUID = Field(primary_key=True)
    person_id: UUID = Field(index=True)
    state: str
    tier: str
    test: bool = False
    attempt: int = 0
    owner_id: UUID | None = None
    merged_into: UUID | None = None
    snapshot: dict[str, Any] = Field(sa_type=JSONB)
    qualified_at: datetime = Field(sa_type=Instant)
    updated_at: datetime = Field(sa_type=Instant)
    held_since: datetime | None = Field(default=None, sa_type=Instant)
    held_in: str = Field(default="", sa_column_kwargs={"server_default": ""})


class Assignment(HandoffTable, table=True):
    """An offer of one lead to one rep. `pool`: whose credit paid for it; empty where nobody's did (sticky, manual).

    `touch_by`: when the client must have been reached first.
    """

    __table_args__ = (
        Index("assignment_open", "rep_id", postgresql_where=ACTIVE),
        Index("assignment_active", "lead_id", unique=True, postgresql_where=ACTIVE),
        Index("assignment_attempt", "lead_id", "attempt", unique=True),
        Index("assignment_rep", "rep_id", "id"),
    )

    id: UUID = Field(primary_key=True)
    lead_id: UUID = Field(foreign_key="lead.id")
    rep_id: UUID = Field(foreign_key="rep.id")
    attempt: int
    state: str
    reason: str = ""
    offered_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    touch_by: datetime | None = Field(default=None, sa_type=Instant)
    pool: str = Field(default="", sa_column_kwargs={"server_default": ""})
    decision: dict[str, Any] = Field(sa_type=JSONB)


class Timer(HandoffTable, table=True):
    """Something to look at again at a time; claimed by any replica. An assignment has one, which says the next look.

    `kind`: acceptance | first_touch (an SLA, of which `percent` has run), held (look for a rep again), hold (the deadline).
    """

    id: UUID = Field(primary_key=True)
    due_at: datetime = Field(sa_type=Instant, index=True)
    kind: str
    percent: int = Field(default=100, sa_type=SmallInteger, sa_column_kwargs={"server_default": "100"})
    lead_id: UUID
    assignment_id: UUID | None = None


class Refund(HandoffTable, table=True):
    """A turn to give back. The pool's next decision books it (`booked_turn`), under the pool's lock."""

    __table_args__ = (Index("refund_waiting", "pool", postgresql_where="booked_turn IS NULL"),)

    assignment_id: UUID = Field(primary_key=True)
    pool: str
    rep_id: UUID = Field(foreign_key="rep.id")
    reason: str
    at: datetime = Field(sa_type=Instant)
    booked_turn: int | None = Field(default=None, sa_type=BigInteger)


class Roster(HandoffTable, table=True):
    """The reps of a pool as decisions saw them, kept once per change: with it every decision can be made again."""

    hash: str = Field(primary_key=True)
    pool: str
    at: datetime = Field(sa_type=Instant)
    reps: list[dict[str, Any]] = Field(sa_type=JSONB)


class Fact(HandoffTable, table=True):
    """Every event read or written, without personal data: the journey and the scoreboard are made of these."""

    __table_args__ = (Index("fact_type_at", "type", "at"),)

    source: str = Field(primary_key=True)
    event_id: str = Field(primary_key=True)
    lead_id: UUID | None = Field(default=None, index=True)
    type: str
    at: datetime = Field(sa_type=Instant)
    data: dict[str, Any] = Field(sa_type=JSONB)


class EarlyEvent(HandoffTable, table=True):
    """An outcome of a lead we do not know yet: the CRM may be faster than we are."""

    __tablename__ = "early_event"

    id: UUID = Field(primary_key=True)
    lead_id: UUID = Field(index=True)
    source: str
    event_id: str
    topic: str
    key: str
    type: str
    data: dict[str, Any] = Field(sa_type=JSONB)
    received_at: datetime = Field(sa_type=Instant)


class Job(HandoffTable, table=True):
    """A completed job; one reported before the lead was won takes effect at won."""

    lead_id: UUID = Field(primary_key=True)
    job_id: str = Field(primary_key=True)
    trade: str = ""
    outcome: str = ""
    completed_on: date
    published: bool = False


class AgreementVersion(HandoffTable, table=True):
    """Every version ever applied; the newest is in force."""

    __tablename__ = "agreement"

    hash: str = Field(primary_key=True)
    text: str
    at: datetime = Field(sa_type=Instant)
    signed_by: list[str] = Field(sa_type=JSONB)
    published_at: datetime = Field(sa_type=Instant)
