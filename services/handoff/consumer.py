"""Kafka in: which event is whose."""

from services.handoff.use_cases.consents import keep_consents, reach_again
from services.handoff.use_cases.disqualify import disqualify_leads
from services.handoff.use_cases.erase import erase_person
from services.handoff.use_cases.merge import merge_leads, merge_persons
from services.handoff.use_cases.notify import notify_owner
from services.handoff.use_cases.outcomes import apply_outcomes
from services.handoff.use_cases.route import receive_leads
from shared import events

GROUP = "handoff"
TOPICS = (events.INTAKE, events.FOLLOWUP, events.CRM)
HANDLERS = {
    events.LeadQualified: receive_leads,
    events.LeadDisqualified: disqualify_leads,
    events.LeadMerged: merge_leads,
    events.PersonMerged: merge_persons,
    events.PersonErased: erase_person,
    events.ConsentGranted: keep_consents,
    events.ConsentRevoked: keep_consents,
    events.LeadTouched: reach_again,
    events.RecoveryNeeded: notify_owner,
    events.ReplyReceived: notify_owner,
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
