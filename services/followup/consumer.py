"""Kafka in: which event is whose."""

from typing import Any

from services.followup.use_cases.clients import Clients, adopt_agreement
from services.followup.use_cases.merge import Merges
from shared import events

GROUP = "followup"
TOPICS = (events.HANDOFF, events.INTAKE)


def handlers(clients: Clients, merges: Merges) -> dict[type[events.Event], Any]:
    return {
        events.AgreementApplied: adopt_agreement,
        events.LeadQualified: clients.acknowledge,
        events.LeadWon: clients.create_client,
        events.JobCompleted: clients.complete_job,
        events.ReviewReceived: clients.remember,
        events.ComplaintOpened: clients.remember,
        events.ComplaintClosed: clients.remember,
        events.ConsentGranted: clients.hear_grant,
        events.ConsentRevoked: clients.hear_revocation,
        events.PersonErased: clients.erase,
        events.PersonMerged: merges.merge_persons,
        events.LeadMerged: merges.merge_leads,
    }
