"""Who knows, after a crash, whether a message was taken."""

import imaplib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from services.followup.adapters.imap import Mailbox

Seen = bool | datetime | None  # a moment: unknown, but the same may be submitted again until then; None: not known yet


class Doubt(NamedTuple):
    message_id: str
    first_at: datetime  # of all attempts
    last_at: datetime


class JournalWitness:
    """Every mail went to a mailbox of ours in the same transaction: what is not there was not taken."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def seen(self, doubts: Sequence[Doubt], _now: datetime) -> Mapping[str, Seen]:
        ids = [doubt.message_id for doubt in doubts]
        try:
            there = await self._mailbox.holds(ids)
        except (OSError, imaplib.IMAP4.error):
            return dict.fromkeys(ids)
        return {id: id in there for id in ids}


@dataclass(frozen=True, slots=True)
class SafeToRepeat:
    """The other side takes equal keys once, for as long as it remembers them: a day, less an hour for the way."""

    remembered: timedelta = timedelta(hours=23)

    async def seen(self, doubts: Sequence[Doubt], now: datetime) -> Mapping[str, Seen]:
        until = {doubt.message_id: doubt.first_at + self.remembered for doubt in doubts}
        return {id: moment for id, moment in until.items() if now < moment}


@dataclass(frozen=True, slots=True)
class CallsBack:
    """The other side calls us about what it took, which settles it. It cannot be asked; after a while its silence stays one."""

    patience: timedelta = timedelta(minutes=20)

    async def seen(self, doubts: Sequence[Doubt], now: datetime) -> Mapping[str, Seen]:
        return {doubt.message_id: None for doubt in doubts if now - doubt.last_at < self.patience}
