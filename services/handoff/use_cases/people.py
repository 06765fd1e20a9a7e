"""People are data: added, changed, imported by their address, sent on a break; who leaves hands their leads on."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints
from uuid_utils.compat import uuid7

from services.handoff import models, store
from services.handoff.use_cases.advance import end_assignment
from services.handoff.use_cases.policy import parse_agreement
from services.handoff.use_cases.route import lock_for_routing, route
from shared import events
from shared.agreement import Agreement, Hours, Zone
from shared.database import Transaction
from shared.in_force import agreement_in_force

ADDRESS = re.compile(r'[^@\s<>,;:"\\()\[\]]{1,64}@[^@\s<>,;:"\\()\[\]]{1,190}')
AT_ONCE = 50
CLEARED: dict[str, Any] = {
    "skills": [],
    "languages": [],
    "licences": [],
    "territories": [],
    "zone": "",
    "hours": {},
    "holidays": "",
    "max_open": None,
    "max_per_day": None,
    "manager": False,
    "on_call": False,
}


class PeopleError(ValueError):
    """It cannot be done to this rep; the message says why."""


def _address(text: str) -> str:
    if not ADDRESS.fullmatch(text):
        raise ValueError("this is not an email address")
    return text.lower()


Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern="^[^\\x00-\\x1f\\x7f]*$")]
Words = Annotated[list[Word], Field(max_length=200)]
Address = Annotated[str, StringConstraints(strip_whitespace=True, max_length=254), AfterValidator(_address)]
Limit = Annotated[int, Field(ge=0, le=100_000)]


class Away(BaseModel):
    """When a rep is not there."""

    model_config = ConfigDict(extra="forbid")

    starts_at: AwareDatetime
    ends_at: AwareDatetime
    reason: Annotated[str, StringConstraints(max_length=200, pattern="^[^\\x00]*$")] = ""


class RepChanges(BaseModel):
    """What may be set on a rep; what is left out stays. `pools`: weight by pool, 0 leaves it."""

    model_config = ConfigDict(extra="forbid")

    name: Word | None = None
    email: Address | None = None
    pools: dict[Word, Annotated[int, Field(ge=0, le=1000)]] | None = Field(default=None, max_length=200)
    skills: Words | None = None
    languages: Words | None = None
    licences: Words | None = None
    territories: Words | None = None
    zone: Zone | None = None
    hours: Hours | None = None
    holidays: Word | None = None
    max_open: Limit | None = None
    max_per_day: Limit | None = None
    manager: bool | None = None
    on_call: bool | None = None
    away: list[Away] | None = Field(default=None, max_length=100)


class NewRep(RepChanges):
    """A rep to be added: everything but name and address has a default."""

    name: Word
    email: Address


async def add_rep(unit: Transaction, given: NewRep, now: datetime) -> UUID:
    """Raises PeopleError where the address is taken, or names a pool, territory or holidays that are not agreed on."""
    agreement = await _agreement(unit)
    _check(given, agreement)
    if await store.people.by_email(unit, given.email) is not None:
        raise PeopleError(f"There is already a rep with the address {given.email}.")
    return await _insert(unit, given, agreement, now)


async def import_reps(unit: Transaction, given: Sequence[NewRep], now: datetime) -> list[tuple[UUID, str]]:
    """Add who is new and change who is known, by address; importing again changes nothing. Says which was what."""
    agreement = await _agreement(unit)
    found = []
    for one in given:
        _check(one, agreement)
        known = await store.people.by_email(unit, one.email)
        if known is None:
            found.append((await _insert(unit, one, agreement, now), "added"))
        else:
            changed = await _apply(unit, known, one)
            found.append((known["id"], "changed" if changed else "unchanged"))
    return found


async def change_rep(unit: Transaction, rep_id: UUID, given: RepChanges) -> Any:
    """The rep as it is then, None where there is none. Raises PeopleError."""
    known = await store.people.lock(unit, rep_id)
    if known is None:
        return None
    _check(given, await _agreement(unit))
    if given.email is not None and (other := await store.people.by_email(unit, given.email)) and other["id"] != rep_id:
        raise PeopleError(f"There is already a rep with the address {given.email}.")
    await _apply(unit, known, given)
    return await store.people.rep(unit, rep_id)


async def pause_rep(unit: Transaction, rep_id: UUID, until: datetime | None) -> Any:
    """No new leads until resumed, or until a time. Raises PeopleError."""
    return await _set_state(unit, rep_id, "paused", until)


async def resume_rep(unit: Transaction, rep_id: UUID) -> Any:
    return await _set_state(unit, rep_id, "active", None)


async def _set_state(unit: Transaction, rep_id: UUID, state: str, until: datetime | None) -> Any:
    known = await store.people.lock(unit, rep_id)
    if known is None:
        return None
    if known["state"] == "left":
        raise PeopleError("This rep has left: add them again with another address.")
    await store.people.update(unit, rep_id, {"state": state, "paused_until": until})
    await store.timers.wake_held(unit)
    return await store.people.rep(unit, rep_id)


async def leave(unit: Transaction, rep_id: UUID, now: datetime) -> Any:
    """A rep goes for good: open leads go to others, keys stop, the balance is spread by the pools' next decisions.

    Hands on a part of the leads: call again while `open_leads` is not 0.
    """
    known = await store.people.lock(unit, rep_id)
    if known is None:
        return None
    await store.people.update(unit, rep_id, {"state": "left", "paused_until": None})
    await store.people.revoke_keys(unit, rep_id, now)
    lead_ids = await store.people.open_leads(unit, rep_id, AT_ONCE)
    await lock_for_routing(unit, lead_ids, now)
    leads = await store.leads.lock_leads(unit, lead_ids)
    active = await store.assignments.active_of(unit, lead_ids)
    theirs = [lead for lead in leads if lead["id"] in active and active[lead["id"]]["rep_id"] == rep_id]
    for lead in theirs:
        await end_assignment(unit, active[lead["id"]], events.AssignmentWithdrawn, "withdrawn", "rep left", now)
    await route(unit, theirs, now)
    return await store.people.rep(unit, rep_id)


# ---- how ---------------------------------------------------------------------------------------------------------------
async def _agreement(unit: Transaction) -> Agreement | None:
    found = await agreement_in_force(unit)
    return parse_agreement(found[1]) if found else None


def _check(given: RepChanges, agreement: Agreement | None) -> None:
    """Names that nobody agreed on would silently never match."""
    if agreement is None:
        return
    for kind, named, listed in (
        ("pool", given.pools or {}, agreement.pools),
        ("territory", given.territories or [], agreement.territories),
        ("set of holidays", [given.holidays] if given.holidays else [], agreement.holidays),
    ):
        if missing := [one for one in named if one not in listed]:
            known = ", ".join(listed) or "none"
            raise PeopleError(f"The agreement has no {kind} {missing[0]!r}; it has {known}.")
    for one in given.away or []:
        if one.ends_at <= one.starts_at:
            raise PeopleError("Time off must end after it starts.")


def _columns(given: RepChanges) -> dict[str, Any]:
    """What was given; null clears. Raises PeopleError."""
    found = given.model_dump(mode="json", exclude_unset=True, exclude={"pools", "away"})
    if None in (found.get("name", ""), found.get("email", "")):
        raise PeopleError("A rep needs a name and an address.")
    return {name: CLEARED[name] if value is None else value for name, value in found.items()}


async def _insert(unit: Transaction, given: NewRep, agreement: Agreement | None, now: datetime) -> UUID:
    rep_id: UUID = uuid7()
    row = {"id": rep_id, "state": "active", "created_at": now, **CLEARED, **_columns(given)}
    await unit.insert(models.Rep, [row])
    everyone = {name: 1 for name, pool in (agreement.pools if agreement else {}).items() if pool.everyone}
    await store.people.set_weights(unit, rep_id, everyone if given.pools is None else given.pools)
    await _set_away(unit, rep_id, given.away)
    await store.timers.wake_held(unit)
    return rep_id


async def _apply(unit: Transaction, known: Any, given: RepChanges) -> bool:
    """Whether anything is different afterwards."""
    changes = {name: value for name, value in _columns(given).items() if known[name] != value}
    await store.people.update(unit, known["id"], changes)
    weights = await store.people.set_weights(unit, known["id"], given.pools or {})
    away = await _set_away(unit, known["id"], given.away)
    await store.timers.wake_held(unit)
    return bool(changes) or weights or away


async def _set_away(unit: Transaction, rep_id: UUID, away: Sequence[Away] | None) -> bool:
    if away is None:
        return False
    rows = [{"id": uuid7(), "rep_id": rep_id, **one.model_dump(mode="json")} for one in away]
    return await store.people.set_time_off(unit, rep_id, rows)
