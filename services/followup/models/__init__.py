"""Followup's tables, a module per subject."""

from services.followup.models.base import AgreementVersion, ApiKey, FollowupTable, Inbox, Outbox, OutboxDead
from services.followup.models.clients import Asset, Client, ClientFact, ClientLead, Hold, Job
from services.followup.models.consent import ConsentEvent, Suppression
from services.followup.models.plans import Enrolment, PlanVersion, Recomputation
from services.followup.models.sending import Attempt, DeliveryFact, Notice, SendLimit, Sent, TopicPosition
from services.followup.models.touches import Touch

__all__ = [
    "AgreementVersion",
    "ApiKey",
    "Asset",
    "Attempt",
    "Client",
    "ClientFact",
    "ClientLead",
    "ConsentEvent",
    "DeliveryFact",
    "Enrolment",
    "FollowupTable",
    "Hold",
    "Inbox",
    "Job",
    "Notice",
    "Outbox",
    "OutboxDead",
    "PlanVersion",
    "Recomputation",
    "SendLimit",
    "Sent",
    "Suppression",
    "TopicPosition",
    "Touch",
]
