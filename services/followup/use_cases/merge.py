"""Two clients are one person: the survivor gets everything, and the strictest of what either of them said."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.followup import store
from services.followup.domain.consent import refused_purposes
from services.followup.use_cases.consent import FIELDS, Addresses, statements, suppress_client
from services.followup.use_cases.pauses import Pauses
from services.followup.use_cases.planning import announce_skipped
from shared import events
from shared.database import Transaction
from shared.envelope import Received


@dataclass(frozen=True, slots=True)
class Merges:
    pauses: Pauses
    addresses: Addresses

    async def merge_persons(self, unit: Transaction, received: list[Received], now: datetime) -> None:
        """Told once per lead: the second time there is nothing left to move."""
        for one in received:
            event = one.event
            assert isinstance(event, events.PersonMerged)  # noqa: S101
            await self._merge(unit, event.person_id, event.into, event.lead_id, now)

    async def merge_leads(self, unit: Transaction, received: list[Received], now: datetime) -> None:
        """A lead that went into another belongs to whoever has that one, and what is open about it is open about that one."""
        for one in received:
            event = one.event
            assert isinstance(event, events.LeadMerged)  # noqa: S101
            owners = await store.clients.of_leads(unit, [event.into, event.lead_id])
            whose = {event.person_id, *owners.values(), *(await store.merging.heirs(unit, [event.person_id])).values()}
            await store.merging.move_holds(unit, whose, str(event.lead_id), str(event.into))
            if event.into in owners:
                await store.clients.know_leads(unit, [{"lead_id": event.lead_id, "client_id": owners[event.into]}])

    async def _merge(self, unit: Transaction, loser: UUID, survivor: UUID, lead_id: UUID, now: datetime) -> None:
        survivor = (await store.merging.heirs(unit, [survivor])).get(survivor, survivor)
        clients = {row["id"]: row for row in await store.planning.lock_households(unit, {loser, survivor})}
        old, new = clients.get(loser), clients.get(survivor)
        if loser == survivor or (new and new["erased"]):
            return
        if old is None:  # no client yet: all there is of them is what they said, and what is open
            if not await store.merging.remember(unit, loser, survivor, lead_id, now):
                return await self._merge(unit, loser, survivor, lead_id, now)  # they became one in this moment
            await store.merging.move(unit, loser, survivor)
            await self.pauses.wait(unit, [survivor])
            await self.pauses.planner.plan(unit, [survivor] if new else [], now)
            return
        if old["erased"] or old["merged_into"] is not None:
            return
        refused = await self._refused(unit, old, now)
        await store.merging.survive(unit, loser, survivor)
        await store.merging.move(unit, loser, survivor)
        await announce_skipped(unit, await store.merging.end_doubles(unit, loser, now), now)
        await store.merging.forget(unit, loser, survivor, {"lent": self._lent(old, new)})
        kept = await store.clients.find(unit, survivor)
        for channel, purposes in refused.items():
            await suppress_client(unit, self.addresses, kept, channel, purposes, "merged", now)
        await self.pauses.wait(unit, [survivor])
        await self.pauses.planner.plan(unit, [survivor], now)

    def _lent(self, old: Any, new: Any) -> dict[str, str]:
        """Hashes of what the survivor did not have: it is still the loser's to take back."""
        own = new["contact"] if new else {}
        lent = {name: str(value) for name, value in old["contact"].items() if value and own.get(name) is None}
        return {name: self.addresses.sealed(value) for name, value in lent.items()}

    async def _refused(self, unit: Transaction, client: Any, now: datetime) -> dict[str, list[str]]:
        """By channel, what the loser's words and suppressions forbid."""
        hashes = {channel: self.addresses.hash(channel, client["contact"]) for channel in FIELDS}
        known = [one for one in hashes.values() if one is not None]
        said = await statements(unit, known, [client["id"]])
        found: dict[str, list[str]] = {}
        for channel, address in hashes.items():
            found[channel] = refused_purposes(said.of(client["id"], address), channel, now)
        for row in await store.consent.all_suppressed(unit, known, now):
            if row["until"] is None and row["reason"] != "hard_bounce" and hashes.get(row["channel"]) == row["address_hash"]:
                found[row["channel"]].append(row["purpose"])
        return {channel: sorted(set(purposes)) for channel, purposes in found.items() if purposes}


async def take_back(unit: Transaction, addresses: Addresses, gone: Iterable[Any]) -> dict[UUID, dict[str, str]]:
    """What the erased lent to who they were merged into is forgotten there, also where the merge was undone. Returns it."""
    lent = {row["id"]: row["contact"]["lent"] for row in gone if row["contact"].get("lent")}
    heirs = await store.merging.heirs(unit, list(lent))
    survivors = await store.clients.lock_all(unit, heirs.values())
    taken: dict[UUID, dict[str, str]] = {}
    for id, heir in heirs.items():
        for name, value in (survivors[heir]["contact"] if heir in survivors else {}).items():
            if value and addresses.sealed(str(value)) == lent[id].get(name):
                taken.setdefault(heir, {})[name] = value
    for heir, contact in taken.items():
        await store.merging.drop_contact(unit, heir, list(contact))
    return taken
