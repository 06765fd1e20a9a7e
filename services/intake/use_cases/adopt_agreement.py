"""Handoff applied an agreement: leads are qualified by it from the next batch on, and open ones are scored again."""

from datetime import datetime

from services.intake.store import agreements
from shared import events
from shared.agreement import AgreementError, parse
from shared.consumer import Refused
from shared.database import Transaction
from shared.envelope import Received


async def adopt_agreement(unit: Transaction, received: list[Received], now: datetime) -> None:
    for one in received:
        event = one.event
        assert isinstance(event, events.AgreementApplied)  # noqa: S101
        try:
            parse(event.text)
        except AgreementError as error:
            raise Refused(str(error)) from error
        await agreements.adopt_agreement(unit, hash=event.hash, text=event.text, at=event.at)
        await agreements.begin_rescore(unit, event.hash, now)
