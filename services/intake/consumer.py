"""Kafka in: which event is whose."""

from services.intake.use_cases.adopt_agreement import adopt_agreement
from services.intake.use_cases.follow_sales import OUTCOMES, STAGES, follow_lead
from shared import events
from shared.consumer import Handler

GROUP = "intake"
TOPICS = (events.HANDOFF, events.FOLLOWUP)
HANDLERS: dict[type[events.Event], Handler] = {
    events.AgreementApplied: adopt_agreement,
    **dict.fromkeys({**STAGES, **OUTCOMES}, follow_lead),
}
