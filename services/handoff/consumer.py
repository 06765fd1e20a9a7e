"""Kafka in: which event is whose."""

from services.handoff.use_cases.advance import apply_outcomes, erase_person, merge_leads
from services.handoff.use_cases.route import receive_leads
from shared import events

GROUP = "handoff"
TOPICS = (events.INTAKE, events.FOLLOWUP, events.CRM)
HANDLERS = {
    events.LeadQualified: receive_leads,
    events.LeadMerged: merge_leads,
    events.PersonErased: erase_person,
    events.OutcomeContacted: apply_outcomes,
    events.OutcomeAppointmentSet: apply_outcomes,
    events.OutcomeProposed: apply_outcomes,
    events.OutcomeWon: apply_outcomes,
    events.OutcomeLost: apply_outcomes,
    events.JobCompleted: apply_outcomes,
    events.ReviewReceived: apply_outcomes,
    events.ComplaintOpened: apply_outcomes,
    events.ComplaintClosed: apply_outcomes,
}
