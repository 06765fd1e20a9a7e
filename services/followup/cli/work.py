"""What followup's own commands need: a transaction, and the planner of this installation."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.followup.adapters.calendar_data import quiet_hours
from services.followup.settings import Settings
from services.followup.use_cases.consent import Addresses
from services.followup.use_cases.plan_book import PlanBook
from services.followup.use_cases.planning import Planner
from shared.commands import in_transaction, read_settings
from shared.database import Transaction
from shared.signing import load_secret

Answer = TypeVar("Answer")


def planner() -> Planner:
    settings: Settings = read_settings(Settings)
    secret = load_secret(settings.secret_key_file, settings.local_dir / "secret-key")
    return Planner(PlanBook(settings.plan_file), Addresses(secret), quiet_hours())


def addresses() -> Addresses:
    settings: Settings = read_settings(Settings)
    return Addresses(load_secret(settings.secret_key_file, settings.local_dir / "secret-key"))


def work(run: Callable[[Transaction], Awaitable[Answer]]) -> Answer:
    return in_transaction(read_settings(Settings), run)
