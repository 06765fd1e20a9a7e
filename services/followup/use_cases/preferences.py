"""Less often, another way, or not at all: what a client chooses becomes consents and refusals."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.followup import store
from services.followup.domain.consent import EVERYTHING, refusal
from services.followup.domain.plans import CHANNELS, PURPOSES, REVOKED_BY_ONE_CLICK
from services.followup.use_cases.consent import Addresses, grant, hear, revoke, statements
from services.followup.use_cases.pauses import Pauses
from shared import events
from shared.database import Transaction

LEVELS = (
    ("everything", "Everything", "Tips by season, reminders about your own equipment, and a question now and then."),
    ("less", "Less often", "Reminders about your home and a question now and then: a few mails a year."),
    ("jobs", "Only about my own jobs", "No tips, reminders, offers or requests."),
    ("nothing", "Nothing at all", "Not even about a job you ordered."),
)
_NAMES = [name for name, _, _ in LEVELS]
ALLOWED = {"everything": frozenset(PURPOSES), "less": frozenset({"service", "marketing"}), "jobs": frozenset({"service"})}


async def choice_of(
    unit: Transaction, addresses: Addresses, client: Any, channels: Sequence[str], now: datetime
) -> tuple[str, str]:
    """The level that holds now, and the channel it holds on: the one that carries most, or the first of equals."""
    levels = [await _level_of(unit, addresses, client, one, now) for one in channels]
    return min(zip(levels, channels, strict=True), key=lambda choice: _NAMES.index(choice[0]))


async def _level_of(unit: Transaction, addresses: Addresses, client: Any, channel: str, now: datetime) -> str:
    """The level that comes nearest to what holds now."""
    address = addresses.hash(channel, client["contact"])
    known = [address] if address is not None else []
    words = (await statements(unit, known, [client["id"]])).of(client["id"], address)
    stopped = {row["purpose"] for row in await store.consent.all_suppressed(unit, known, now) if row["channel"] == channel}
    if EVERYTHING in stopped:
        return "nothing"
    allowed = {one for one in PURPOSES if one not in stopped and refusal(words, channel, one, now) is None}
    return next((level for level, wanted in ALLOWED.items() if wanted <= allowed), "nothing")


async def set_preferences(
    unit: Transaction, addresses: Addresses, pauses: Pauses, client: Any, level: str, channel: str, now: datetime
) -> None:
    """What they refuse ends on every channel; what they allow is granted on the one they choose, texts instead of mail."""
    allowed = ALLOWED.get(level, frozenset())
    refused = [purpose for purpose in PURPOSES if purpose not in allowed] if allowed else [EVERYTHING]
    reason = "preference page" if allowed else "asked for nothing at all"
    await grant(unit, addresses, client, channel, sorted(allowed), reason, now)
    if allowed:  # whatever they once told a person
        await store.clients.end_stop(unit, client["id"], now)
    for one in CHANNELS:
        await revoke(unit, addresses, client, one, refused, reason, now)
    if allowed and channel == "sms":
        await revoke(unit, addresses, client, "email", REVOKED_BY_ONE_CLICK, "asked for texts instead", now)
    await pauses.planner.plan(unit, [client["id"]], now)


async def unsubscribe_unknown(unit: Transaction, addresses: Addresses, client_id: UUID, channel: str, now: datetime) -> None:
    """A link of ours names somebody we do not know, or not yet again after a restore: what they said waits for them."""
    for purpose in REVOKED_BY_ONE_CLICK:
        said = events.Consent(channel=channel, purpose=purpose, granted=False, text="unsubscribed")
        await hear(unit, addresses, client_id, said, now, now)
