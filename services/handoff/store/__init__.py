"""Every query of handoff, a module per subject: `store.leads.lock_lead(unit, id)`."""

from services.handoff.store import agreements, assignments, early, facts, leads, people, pools, timers

__all__ = ["agreements", "assignments", "early", "facts", "leads", "people", "pools", "timers"]
