"""One transaction on handoff's database for a command."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.handoff.settings import Settings
from shared.commands import in_transaction, read_settings
from shared.database import Transaction

Answer = TypeVar("Answer")


def run(work: Callable[[Transaction], Awaitable[Answer]]) -> Answer:
    return in_transaction(read_settings(Settings), work)
