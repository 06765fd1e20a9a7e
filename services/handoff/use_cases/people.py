"""People are data: added, changed, imported by their address, sent on a break; who leaves hands their leads on."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from services.handoff import models, store
from services.handoff.use_cases.advance import end_assignment
from services.handoff.use_cases.policy import parse_agreement
from services.handoff.use_cases.rep_changes import Away, NewRep, RepChanges
from services.handoff.use_cases.route import lock_for_routing, route
from shared import events
from shared.agreement import Agreement
from shared.database import Transaction
from shared.in_force import agreement_in_force

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


class NotImported(PeopleError):
    """What is wrong with lines of a roster, by their number."""

    def __init__(self, lines: dict[int, str]) -> None:
        super().__init__("; ".join(f"line {number}: {sentence}" for number, sentence in lines.items()))
        self.lines = lines


async def add_rep(unit: Transaction, given: NewRep, now: datetime) -> UUID:
    """Raises PeopleError where the address is taken, or names a pool, territory or holidays that are not agreed on."""
    agreement = await _agreement(unit)
    _check(given, agreement)
    await _take_turns(unit, agreement)
    if await store.people.by_email(unit, given.email) is not None:
        raise PeopleError(f"There is already a rep with the address {given.email}.")
    return await _insert(unit, given, agreement, now)


async def import_reps(unit: Transaction, given: Mapping[int, NewRep], now: datetime) -> list[tuple[UUID, str]]:
    """Add who is new and change who is known, by address; importing again changes nothing. Says which was what.

    `given` by the number of its line. Raises NotImported with all lines that cannot be.
    """
    agreement = await _agreement(unit)
    await _take_turns(unit, agreement)
    found, wrong = [], {}
    for number, one in given.items():
        try:
            found.append(await _import(unit, one, agreement, now))
        except PeopleError as error:
            wrong[number] = str(error)
    if wrong:
        raise NotImported(wrong)
    return found


async def _import(unit: Transaction, given: NewRep, agreement: Agreement | None, now: datetime) -> tuple[UUID, str]:
    _check(given, agreement)
    known = await store.people.by_email(unit, given.email)
    if known is None:
        return await _insert(unit, given, agreement, now), "added"
    if known["state"] == "left":
        raise PeopleError(f"The rep with the address {given.email} has left: give another address, or take the line out.")
    return known["id"], "changed" if await _apply(unit, known, given, agreement) else "unchanged"


async def zone_of_days(unit: Transaction, given: RepChanges, rep_id: UUID | None) -> str:
    """In which zone a rep's days begin: the one that is given or known; without one, the company's."""
    known = await store.people.rep(unit, rep_id) if rep_id and "zone" not in given.model_fields_set else None
    agreement = await _agreement(unit)
    return given.zone or (known["zone"] if known else "") or (agreement.company.zone if agreement else "UTC")


async def change_rep(unit: Transaction, rep_id: UUID, given: RepChanges) -> Any:
    """The rep as it is then, None where there is none. Raises PeopleError."""
    agreement = await _agreement(unit)
    await _take_turns(unit, None if given.pools is None and given.weight is None else agreement)
    known = await store.people.lock(unit, rep_id)
    if known is None:
        return None
    _check(given, agreement)
    if given.email is not None and (other := await store.people.by_email(unit, given.email)) and other["id"] != rep_id:
        raise PeopleError(f"There is already a rep with the address {given.email}.")
    await _apply(unit, known, given, agreement)
    return await store.people.rep(unit, rep_id)


async def pause_rep(unit: Transaction, rep_id: UUID, until: datetime | None) -> Any:
    """No new leads until resumed, or until a time. Raises PeopleError."""
    return await _set_state(unit, rep_id, "paused", until)


async def resume_rep(unit: Transaction, rep_id: UUID) -> Any:
    return await _set_state(unit, rep_id, "active", None)


async def _set_state(unit: Transaction, rep_id: UUID, state: str, until: datetime | None) -> Any:
    await _take_turns(unit, None)
    known = await store.people.lock(unit, rep_id)
    if known is None:
        return None
    if known["state"] == "left":
        raise PeopleError("This rep has left: add them again with another address.")
    await store.people.update(unit, rep_id, {"state": state, "paused_until": until})
    return await store.people.rep(unit, rep_id)


async def leave(unit: Transaction, rep_id: UUID, now: datetime) -> Any:
    """A rep goes for good: open leads go to others, keys stop, the balance is spread by the pools' next decisions.

    Hands on a part of the leads: call again while `open_leads` is not 0.
    """
    known = await store.people.rep(unit, rep_id)
    if known is None:
        return None
    lead_ids = await store.people.open_leads(unit, rep_id, AT_ONCE)
    await lock_for_routing(unit, lead_ids, now, besides=known["pools"])
    await store.people.lock(unit, rep_id)  # whoever is given a lead in this moment has it now
    await store.people.update(unit, rep_id, {"state": "left", "paused_until": None})
    await store.people.revoke_keys(unit, rep_id, now)
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


async def _take_turns(unit: Transaction, agreement: Agreement | None) -> None:
    """As routing takes them: clocks, pools where weights change, then reps. So nobody waits in a ring.

    The clocks are those of held leads: somebody may have come back, or may do more.
    """
    await store.timers.wake_held(unit)
    if agreement is not None:
        await store.pools.lock_pools(unit, agreement.pools)


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
    found = given.model_dump(mode="json", exclude_unset=True, exclude={"pools", "weight", "away"})
    if None in (found.get("name", ""), found.get("email", "")):
        raise PeopleError("A rep needs a name and an address.")
    return {name: CLEARED[name] if value is None else value for name, value in found.items()}


async def _insert(unit: Transaction, given: NewRep, agreement: Agreement | None, now: datetime) -> UUID:
    rep_id: UUID = uuid7()
    row = {"id": rep_id, "state": "active", "created_at": now, **CLEARED, **_columns(given)}
    await unit.insert(models.Rep, [row])
    await store.people.set_weights(unit, rep_id, _weights(given, agreement, {}) if given.pools is None else given.pools)
    await _set_away(unit, rep_id, given.away or [])
    return rep_id


def _weights(given: RepChanges, agreement: Agreement | None, now: dict[str, int]) -> dict[str, int]:
    """In the pools that a rep is in now, and in those that say everyone. Raises PeopleError for a weight in none."""
    everyone = {name: 1 for name, pool in (agreement.pools if agreement else {}).items() if pool.everyone}
    theirs = [name for name, weight in (everyone | now).items() if weight > 0]
    if given.weight and not theirs:
        raise PeopleError("A weight without a pool counts in all pools of a rep, and this one is in none: name a pool.")
    return dict.fromkeys(theirs, 1 if given.weight is None else given.weight)


async def _apply(unit: Transaction, known: Any, given: RepChanges, agreement: Agreement | None) -> bool:
    """Whether anything is different afterwards."""
    changes = {name: value for name, value in _columns(given).items() if known[name] != value}
    await store.people.update(unit, known["id"], changes)
    named = given.pools or {}
    if given.weight is not None:
        named = _weights(given, agreement, (await store.people.rep(unit, known["id"]))["pools"])
    weights = await store.people.set_weights(unit, known["id"], named)
    away = "away" in given.model_fields_set and await _set_away(unit, known["id"], given.away or [])
    return bool(changes) or weights or away


async def _set_away(unit: Transaction, rep_id: UUID, away: Sequence[Away]) -> bool:
    rows = [{"id": uuid7(), "rep_id": rep_id, **one.model_dump(mode="json")} for one in away]
    return await store.people.set_time_off(unit, rep_id, rows)
