"""Every query of followup, a module per subject."""

from services.followup.store import agreements, clients, consent, enrolments, planning, plans, sending, touches

__all__ = ["agreements", "clients", "consent", "enrolments", "planning", "plans", "sending", "touches"]
