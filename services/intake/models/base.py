"""What every table of intake is made of."""

from sqlalchemy import DateTime
from sqlalchemy.orm import registry
from sqlmodel import SQLModel

Instant = DateTime(timezone=True)


class IntakeTable(SQLModel, registry=registry()):
    """Base with a registry of its own: three services may have a table `lead` in one process."""
