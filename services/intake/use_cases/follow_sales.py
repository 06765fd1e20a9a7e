"""What sales did with a lead comes back: it is part of the ledger, and of what we know of the person."""

from datetime import datetime

from services.intake.store import agreements, leads
from shared import events
from shared.agreement import AgreementError, parse
from shared.consumer import Refused
from shared.database import Transaction
from shared.envelope import Received


async def adopt_agreement(unit: Transaction, received: list[Received], now: datetime) -> None:
    """From the next batch on, leads are qualified by the newest agreement."""
    for one in received:
        event = one.event
        assert isinstance(event, events.AgreementApplied)  # noqa: S101
        try:
            parse(event.text)
        except AgreementError as error:
            raise Refused(str(error)) from error
        await agreements.adopt_agreement(unit, hash=event.hash, text=event.text, at=event.at)


async def close_lead(unit: Transaction, received: list[Received], now: datetime) -> None:
    for one in received:
        event = one.event
        assert isinstance(event, events.LeadWon | events.LeadLost)  # noqa: S101
        stage = "won" if isinstance(event, events.LeadWon) else "lost"
        await leads.move_lead(unit, event.lead_id, stage=stage, ledger="closed", now=now)


async def take_back_lead(unit: Transaction, received: list[Received], now: datetime) -> None:
    """Sent back to marketing: nurtured until something happens."""
    for one in received:
        event = one.event
        assert isinstance(event, events.LeadRecycled)  # noqa: S101
        await leads.move_lead(unit, event.lead_id, stage="nurturing", ledger="open", now=now)
