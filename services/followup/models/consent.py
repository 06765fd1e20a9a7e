"""What addresses may not be used for."""

from datetime import datetime

from sqlalchemy import LargeBinary
from sqlmodel import Field

from services.followup.models.base import FollowupTable, Instant


class Suppression(FollowupTable, table=True):
    """Never contact this address for this purpose. Keyed by a salted hash, so that it outlives erasure."""

    address_hash: bytes = Field(sa_type=LargeBinary, primary_key=True)
    channel: str = Field(primary_key=True)
    purpose: str = Field(primary_key=True)  # "all": nothing at all
    reason: str
    at: datetime = Field(sa_type=Instant)
