"""Every query of followup, a module per subject."""

from services.followup.store import (
    agreements,
    clients,
    consent,
    enrolments,
    inbound,
    merging,
    planning,
    plans,
    proof,
    sending,
    touches,
)

__all__ = [
    "agreements",
    "clients",
    "consent",
    "enrolments",
    "inbound",
    "merging",
    "planning",
    "plans",
    "proof",
    "sending",
    "touches",
]
