"""Whether an event puts a client into a plan, and what becomes of an enrolment that is there already."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from services.followup.domain.plans import Reentry

LIVE = ("active", "paused")


@dataclass(frozen=True, slots=True)
class Earlier:
    """An enrolment of the same client, plan and subject."""

    id: str
    cycle: int
    state: str
    on: date


@dataclass(frozen=True, slots=True)
class Entry:
    """Enrol with this cycle; the ones named here are superseded."""

    cycle: int
    supersedes: tuple[str, ...] = ()


def entry(reentry: Reentry, earlier: Sequence[Earlier], today: date) -> Entry | str:
    """How to enrol, or why not."""
    if not earlier:
        return Entry(0)
    newest = max(earlier, key=lambda one: one.cycle)
    live = tuple(one.id for one in earlier if one.state in LIVE)
    if reentry.mode == "never":
        return "already enrolled"
    if reentry.mode == "ignore_while_live" and live:
        return "still live"
    if today < reentry.after.after(newest.on):
        return f"enrolled less than {reentry.after} ago"
    return Entry(newest.cycle + 1, live)


Roof = tuple[str | None, str | None, str | None]  # folded last name, phone, postal code


def shares_roof(one: Roof, other: Roof) -> bool:
    """The same last name, and the same phone or postal code."""
    surname, phone, postal_code = one
    same_place = (phone and phone == other[1]) or (postal_code and postal_code == other[2])
    return bool(surname and surname == other[0] and same_place)


def fold(name: str) -> str | None:
    """A last name as households compare it."""
    return " ".join(name.casefold().split()) or None
