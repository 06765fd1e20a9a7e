"""THE contract: every event, its fields and its topic. Schemas, AsyncAPI and examples are generated from here.

A published name or field never changes its meaning; fields may be added, with a default.
"""

from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

PREFIX, VERSION = "leadhandoff.", ".v1"
INTAKE, HANDOFF, FOLLOWUP, CRM = "intake.leads.v1", "handoff.assignments.v1", "followup.touches.v1", "crm.outcomes.v1"
PERSONAL = Field(json_schema_extra={"x-personal": True})  # never kept in a table of facts


def _exact_decimal(value: Any) -> Any:
    """Money travels as a decimal string: a float has already lost its cents, a bool never had any."""
    if isinstance(value, bool | float):
        raise ValueError('write the amount as a decimal string, for example "1250.00"')
    return value


Amount = Annotated[Decimal, BeforeValidator(_exact_decimal), Field(ge=0, max_digits=14, decimal_places=3)]
Currency = Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]
Short = Annotated[str, StringConstraints(max_length=200)]
Text = Annotated[str, StringConstraints(max_length=5_000)]


class Value(BaseModel):
    """Base of everything that travels: frozen, and tolerant of fields it does not know yet."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="constants")


class Contact(Value):
    first_name: str = ""
    last_name: str = ""
    email: str | None = None
    phone: str | None = None  # E.164
    postal_code: str | None = None


class Consent(Value):
    """One answer to one consent question. No purpose means every purpose.

    What was asked, where and when is evidence; the client's address and browser stay in intake.
    """

    channel: Short
    purpose: Short | None = None
    granted: bool
    text: Text = ""
    text_version: Short | None = None
    text_sha256: Short | None = None
    checkbox: Short | None = None
    seller: Short | None = None
    form: Short | None = None
    form_version: Short | None = None
    page_url: Text | None = None
    at: AwareDatetime | None = None


class Event(Value):
    """Base of every event: `TYPE` is its CloudEvents type, `TOPICS` where it is written."""

    TYPE: ClassVar[str] = ""
    TOPICS: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, type: str = "", topics: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.TOPICS = topics or cls.TOPICS
        if type:
            cls.TYPE = PREFIX + type + VERSION
            BY_TYPE[cls.TYPE] = cls

    @classmethod
    @cache
    def personal_fields(cls) -> set[str]:
        """Names of the fields that hold personal data."""
        extras = {name: field.json_schema_extra for name, field in cls.model_fields.items()}
        return {name for name, extra in extras.items() if isinstance(extra, dict) and extra.get("x-personal")}


BY_TYPE: dict[str, type[Event]] = {}


# ---- intake.leads.v1: what marketing knows ---------------------------------------------------------------------------
class LeadEvent(Event, topics=(INTAKE,)):
    lead_id: UUID
    person_id: UUID


class LeadOpened(LeadEvent, type="lead.opened"):
    form: Short
    selection: Short = ""
    test: bool = False
    received_at: AwareDatetime
    attribution: Annotated[dict[str, str], PERSONAL] = {}
    source: Short = ""  # where this submission came from (utm_source) and by which campaign of the catalogue's keys
    campaign: Short = ""
    first_campaign: Short = ""  # what brought the person the first time


class LeadTouched(LeadEvent, type="lead.touched"):
    """The person raised a hand again for a need that is already open."""

    form: Short
    message: Annotated[Text, PERSONAL] = ""
    received_at: AwareDatetime
    tier: Short = ""  # as it is worth now
    score: Annotated[int, Field(ge=0, le=100)] | None = None
    contact: Annotated[Contact | None, PERSONAL] = None  # as given now: it may differ from what the lead came with
    answers: Annotated[dict[str, Any], PERSONAL] = {}


class LeadQualified(LeadEvent, type="lead.qualified"):
    form: Short
    selection: Short = ""
    message: Annotated[Text, PERSONAL] = ""
    answers: Annotated[dict[str, Any], PERSONAL] = {}
    external_id: Short | None = None
    test: bool = False
    promise: Text | None = None
    referred_by: UUID | None = None
    tier: Short
    score: Annotated[int, Field(ge=0, le=100)]
    grade: Short = ""  # fit A-D, intent 1-4
    received_at: AwareDatetime
    contact: Annotated[Contact, PERSONAL]
    attribution: Annotated[dict[str, str], PERSONAL] = {}
    first_touch: Annotated[dict[str, str], PERSONAL] = {}  # the attribution that brought the person the first time
    consents: list[Consent] = []
    agreement: str


class LeadNurturing(LeadEvent, type="lead.nurturing"):
    score: Annotated[int, Field(ge=0, le=100)]
    agreement: str


class LeadDisqualified(LeadEvent, type="lead.disqualified"):
    reason: Short
    agreement: str
    referral: Text = ""  # what the agreement says to people from elsewhere


class LeadMerged(LeadEvent, type="lead.merged"):
    into: UUID


class PersonMerged(LeadEvent, type="person.merged"):
    into: UUID


class PersonErased(LeadEvent, type="person.erased"):
    pass


class ConsentGranted(LeadEvent, type="consent.granted", topics=(INTAKE, FOLLOWUP)):
    """Written by intake (keyed by lead) and followup (keyed by client)."""

    consent: Consent


class ConsentRevoked(Event, type="consent.revoked", topics=(INTAKE, FOLLOWUP)):
    """Written by intake (keyed by lead) and followup (keyed by client). No purpose means nothing at all."""

    person_id: UUID
    lead_id: UUID | None = None
    channel: Short
    purpose: Short | None = None
    reason: Short = "request"


class CampaignPriced(Event, type="campaign.priced", topics=(INTAKE,)):
    campaign: Short
    spent_on: date
    amount: Amount
    currency: Currency


# ---- handoff.assignments.v1: what sales does -------------------------------------------------------------------------
class Excluded(Value):
    rep_id: UUID
    filter: Short
    reason: Text


class Decision(Value):
    """Why this rep: all a stranger needs to decide again and come to the same hash."""

    model_config = ConfigDict(frozen=True, extra="allow")

    agreement: str
    rule: Short
    rules_missed: list[Short] = []
    pool: Short
    pick: UUID | None = None
    runner_up: UUID | None = None
    excluded: list[Excluded] = []
    weights: dict[str, int] = {}
    credits_before: dict[str, int] = {}
    credits_after: dict[str, int] = {}
    sentence: Text = ""
    hash: str


class AssignmentEvent(Event, topics=(HANDOFF,)):
    lead_id: UUID
    assignment_id: UUID
    rep_id: UUID
    attempt: int


class AssignmentOffered(AssignmentEvent, type="assignment.offered"):
    tier: Short
    offered_at: AwareDatetime
    expires_at: AwareDatetime | None
    decision: Decision


class AssignmentEnded(AssignmentEvent):
    reason: Text = ""
    at: AwareDatetime
    implied: bool = False


class AssignmentAccepted(AssignmentEnded, type="assignment.accepted"):
    pass


class AssignmentDeclined(AssignmentEnded, type="assignment.declined"):
    pass


class AssignmentExpired(AssignmentEnded, type="assignment.expired"):
    pass


class AssignmentWithdrawn(AssignmentEnded, type="assignment.withdrawn"):
    pass


class SlaEvent(AssignmentEvent):
    sla: Short  # acceptance | first_touch
    due_at: AwareDatetime
    at: AwareDatetime


class SlaAtRisk(SlaEvent, type="sla.at_risk"):
    pass


class SlaBreached(SlaEvent, type="sla.breached"):
    pass


class LeadStep(LeadEvent, topics=(HANDOFF,)):
    """A step of the lead in sales. `implied`: nobody reported it, a later step implies it."""

    rep_id: UUID | None = None
    at: AwareDatetime
    implied: bool = False


class LeadHeld(LeadStep, type="lead.held"):
    reason: Text
    until: AwareDatetime | None = None


class LeadEscalated(LeadStep, type="lead.escalated"):
    reason: Text


class LeadContacted(LeadStep, type="lead.contacted"):
    pass


class LeadSalesQualified(LeadStep, type="lead.sales_qualified"):
    pass


class LeadProposed(LeadStep, type="lead.proposed"):
    options: int | None = None
    amount: Amount | None = None
    currency: Currency | None = None


class LeadWon(LeadStep, type="lead.won"):
    """Self-contained: followup needs no other topic to make a client of it."""

    amount: Amount
    currency: Currency
    contact: Annotated[Contact, PERSONAL]
    consents: list[Consent] = []
    attribution: Annotated[dict[str, str], PERSONAL] = {}
    referred_by: UUID | None = None  # the client who sent them


class LeadLost(LeadStep, type="lead.lost"):
    reason: Short


class LeadRecycled(LeadStep, type="lead.recycled"):
    reason: Short
    revisit_at: AwareDatetime | None = None


class JobEvent(Event, topics=(HANDOFF, CRM)):
    """Written by a CRM to crm.outcomes.v1 and republished by handoff, which then knows the person."""

    lead_id: UUID
    person_id: UUID | None = None


class JobCompleted(JobEvent, type="job.completed"):
    job_id: Short
    trade: Short = ""
    outcome: Short = ""  # how it ended, for example warranty_callback: plans choose by it
    completed_on: date
    arrived_at: datetime | None = None  # when handoff heard of it: hours and minutes of a plan count from here


class ReviewReceived(JobEvent, type="review.received"):
    stars: Annotated[int, Field(ge=1, le=5)] | None = None
    site: Short = ""


class ComplaintOpened(JobEvent, type="complaint.opened"):
    reason: Text = ""


class ComplaintClosed(JobEvent, type="complaint.closed"):
    pass


class AgreementApplied(Event, type="agreement.applied", topics=(HANDOFF,)):
    hash: str
    text: str
    at: AwareDatetime
    signed_by: list[Short]


# ---- followup.touches.v1: what the client heard from us (no personal data) -------------------------------------------
class ClientEvent(Event, topics=(FOLLOWUP,)):
    client_id: UUID
    lead_id: UUID


class ClientCreated(ClientEvent, type="client.created"):
    person_id: UUID


class TouchEvent(ClientEvent):
    touch_id: UUID
    plan: Short
    step: Short
    channel: Short
    at: AwareDatetime
    subject: Short = ""  # what the enrolment is about, for example a job: with client, plan, step and cycle it names a touch
    cycle: int = 0


class TouchSent(TouchEvent, type="touch.sent"):
    message_id: str


class TouchSkipped(TouchEvent, type="touch.skipped"):
    """As things are, it is not sent. A yes, an address or another household before its day brings it back: then it is sent."""

    reason: Short


class TouchFailed(TouchEvent, type="touch.failed"):
    reason: Short


class ReferralReceived(ClientEvent, type="referral.received"):
    contact: Annotated[Contact, PERSONAL]
    message: Annotated[Text, PERSONAL] = ""


class ReplyReceived(ClientEvent, type="reply.received"):
    """The client answered a touch. What they wrote went to the company by mail; here is only that they did."""

    touch_id: UUID | None = None
    at: AwareDatetime


class RecoveryNeeded(ClientEvent, type="recovery.needed"):
    reason: Text


class MaintenanceRequested(ClientEvent, type="maintenance.requested"):
    trade: Short = ""


# ---- crm.outcomes.v1: what a CRM reports ----------------------------------------------------------------------------
class Outcome(Event, topics=(CRM,)):
    lead_id: UUID


class OutcomeContacted(Outcome, type="outcome.contacted"):
    pass


class OutcomeAppointmentSet(Outcome, type="outcome.appointment_set"):
    appointment_at: AwareDatetime | None = None


class OutcomeProposed(Outcome, type="outcome.proposed"):
    options: Annotated[int, Field(ge=1, le=100)] | None = None
    amount: Amount | None = None
    currency: Currency | None = None


class OutcomeWon(Outcome, type="outcome.won"):
    amount: Amount
    currency: Currency


class OutcomeLost(Outcome, type="outcome.lost"):
    reason: Short
