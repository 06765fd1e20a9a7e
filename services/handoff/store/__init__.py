"""Every query of handoff, a module per subject: `store.leads.lock_lead(unit, id)`."""

from services.handoff.store import (
    agreements,
    assignments,
    board,
    briefs,
    early,
    facts,
    leads,
    mails,
    people,
    pools,
    scoreboard,
    timers,
)

__all__ = [
    "agreements",
    "assignments",
    "board",
    "briefs",
    "early",
    "facts",
    "leads",
    "mails",
    "people",
    "pools",
    "scoreboard",
    "timers",
]
