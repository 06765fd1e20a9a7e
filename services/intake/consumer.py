"""Kafka in: which event is whose."""

from services.intake.use_cases.follow_sales import adopt_agreement, close_lead, take_back_lead
from shared import events

GROUP = "intake"
TOPICS = (events.HANDOFF, events.FOLLOWUP)
HANDLERS = {
    events.AgreementApplied: adopt_agreement,
    events.LeadWon: close_lead,
    events.LeadLost: close_lead,
    events.LeadRecycled: take_back_lead,
}
