"""Kafka in: which event is whose."""

from services.intake.use_cases.adopt_agreement import adopt_agreement
from services.intake.use_cases.consents import keep_consents
from services.intake.use_cases.follow_sales import OUTCOMES, STAGES, follow_lead
from services.intake.use_cases.hear_followup import Loop
from shared import events
from shared.consumer import Handler

GROUP = "intake"
TOPICS = (events.HANDOFF, events.FOLLOWUP)


def handlers(loop: Loop) -> dict[type[events.Event], Handler]:
    return {
        events.AgreementApplied: adopt_agreement,
        events.ConsentGranted: keep_consents,
        events.ConsentRevoked: keep_consents,
        events.ReferralReceived: loop.hear_referral,
        events.MaintenanceRequested: loop.hear_maintenance,
        **dict.fromkeys({**STAGES, **OUTCOMES}, follow_lead),
    }
