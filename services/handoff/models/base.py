"""What handoff's tables have in common."""

from sqlalchemy import DateTime, text
from sqlalchemy.orm import registry
from sqlmodel import SQLModel

Instant = DateTime(timezone=True)
ACTIVE = "state IN ('offered', 'accepted', 'active')"
NOTHING_LISTED = {"server_default": text("'[]'::jsonb")}


class HandoffTable(SQLModel, registry=registry()):
    """Base with a registry of its own."""
