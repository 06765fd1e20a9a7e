"""Handoff, the During Unit: one lead, one rep, fairly, in seconds, with a reason; and what became of it."""
