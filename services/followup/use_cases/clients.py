"""What happens to clients: a won lead makes one, jobs, reviews and complaints are remembered, and plans follow."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from services.followup import store
from services.followup.domain.enrolling import Roof, fold, shares_roof
from services.followup.use_cases.consent import SOURCE, Addresses, hear, suppress_erased
from services.followup.use_cases.enrol import Arrival, Enroller
from services.followup.use_cases.merge import take_back
from services.followup.use_cases.pauses import Pauses
from services.followup.use_cases.planning import company_of
from shared import events
from shared.consumer import Refused
from shared.database import Transaction
from shared.envelope import Received
from shared.outbox import emit

Told = TypeVar("Told", events.LeadWon, events.LeadQualified)


@dataclass(frozen=True, slots=True)
class Clients:
    """The use cases of the events that make and change clients."""

    enroller: Enroller
    pauses: Pauses
    addresses: Addresses

    async def create_client(self, unit: Transaction, received: list[Received], now: datetime) -> None:
        won = [one.event for one in received if isinstance(one.event, events.LeadWon)]
        await store.merging.part(unit, [one.person_id for one in won])
        won = await heirs_of(won, unit)
        people = {one.person_id: one for one in won}
        rows = [_client(one.person_id, one.lead_id, one.contact, now, prospect=False) for one in people.values()]
        new = await store.clients.create(unit, await in_households(unit, rows))
        again = {one["id"]: {name: said for name, said in one["contact"].items() if said} for one in rows if one["id"] not in new}
        await store.clients.know_contacts(unit, again, {one["id"]: one["surname"] for one in rows})
        leads = [{"lead_id": one.lead_id, "client_id": one.person_id} for one in won]
        await store.clients.know_leads(unit, leads)
        await store.clients.know_facts(unit, [_fact(one.person_id, "job.booked", str(one.lead_id), now) for one in won])
        for one in won:
            for consent in one.consents:  # said then, or with the lead, and not on the day it was won
                at = min(consent.at, one.at) if consent.at else _said_at(one.lead_id, one.at)
                await hear(unit, self.addresses, one.person_id, consent, at, now)
        for one in people.values():
            if one.person_id in new:
                created = events.ClientCreated(client_id=one.person_id, lead_id=one.lead_id, person_id=one.person_id)
                await emit(unit, [created], topic=events.FOLLOWUP, source=SOURCE, at=now, key=str(one.person_id))
        await store.clients.set_moved(unit, list(people), None)
        await self.pauses.hold(unit, "job.open", [(one.person_id, str(one.lead_id)) for one in won], now)
        await self._credit_referrers(unit, won, now)
        await self.pauses.planner.plan(unit, list(people), now)

    async def _credit_referrers(self, unit: Transaction, won: Iterable[events.LeadWon], now: datetime) -> None:
        """Somebody a client sent has chosen us: their plan thanks them."""
        sent = {one.lead_id: one.referred_by for one in won if one.referred_by}
        now_are = await store.merging.heirs(unit, list(sent.values()))
        facts = [_fact(now_are.get(who, who), "referral.won", str(lead_id), now) for lead_id, who in sent.items()]
        known = {row["id"] for row in await store.planning.lock_households(unit, [row["client_id"] for row in facts])}
        facts = [row for row in facts if row["client_id"] in known]
        await store.clients.know_facts(unit, facts)
        await self.pauses.planner.plan(unit, {row["client_id"] for row in facts}, now)

    async def complete_job(self, unit: Transaction, received: list[Received], now: datetime) -> None:
        """One enrolment per (client, plan, job); every touch that is not too late becomes a row."""
        done = [one.event for one in received if isinstance(one.event, events.JobCompleted)]
        owners = await store.clients.of_leads(unit, [one.lead_id for one in done])
        if any(one.lead_id not in owners for one in done):
            raise Refused("The job's lead was never won, as far as this topic says.")
        arrivals = [_arrival(one, owners[one.lead_id], now) for one in done]
        jobs = [_job(one, owners[one.lead_id], now) for one in done]
        clients = {row["id"] for row in await store.planning.lock_households(unit, set(owners.values())) if not row["erased"]}
        await store.clients.know_jobs(unit, [row for row in jobs if row["client_id"] in clients])
        for one in done:
            await store.enrolments.close_holds(unit, [owners[one.lead_id]], "job.open", str(one.lead_id))
        await self.pauses.go_on(unit, set(owners.values()), now)
        await self.enroller.enrol(unit, [one for one in arrivals if one.client_id in clients], now)

    async def acknowledge(self, unit: Transaction, received: list[Received], now: datetime) -> None:
        """Only where a plan waits for it. Somebody who was named by a client is not written to by a machine."""
        plans = [plan for plan in await self.pauses.planner.book.published(unit, now) if plan.enrol.event == "lead.qualified"]
        asked = [one.event for one in received if isinstance(one.event, events.LeadQualified)]
        asked = await heirs_of([one for one in asked if not one.referred_by and not one.test], unit)
        if not plans or not asked:
            return
        people = {one.person_id: one for one in asked}
        rows = [_client(one.person_id, one.lead_id, one.contact, now, prospect=True) for one in people.values()]
        await store.clients.create(unit, await in_households(unit, rows))
        await store.clients.know_leads(unit, [{"lead_id": one.lead_id, "client_id": one.person_id} for one in asked])
        today = now.astimezone((await company_of(unit)).tz).date()
        arrivals = [
            Arrival(one.person_id, one.lead_id, "lead.qualified", str(one.lead_id), today, now, {"trade": ""}) for one in asked
        ]
        await self.enroller.enrol(unit, arrivals, now)

    async def remember(self, unit: Transaction, received: list[Received], now: datetime) -> None:
        """A review, a complaint, its end: facts that plans look at, also where they come before the sale."""
        owners = await store.clients.of_leads(unit, [_lead(one.event) for one in received])
        people = [person for one in received if (person := _person(one.event)) is not None]
        heirs = await store.merging.heirs(unit, people)
        for one in received:
            person, ref = _person(one.event), str(_lead(one.event))
            client_id = owners.get(_lead(one.event)) or (heirs.get(person, person) if person else None)
            if client_id is None:
                raise Refused("The lead was never won, as far as this topic says, and nobody says whose it is.")
            if isinstance(one.event, events.ReviewReceived):
                await store.clients.know_facts(unit, [_fact(client_id, "review.received", ref, now)])
                await self.pauses.planner.plan(unit, [client_id], now)
            elif isinstance(one.event, events.ComplaintOpened):
                await store.clients.know_facts(unit, [_fact(client_id, "complaint.opened", ref, now)])
                await self.pauses.hold(unit, "complaint.open", [(client_id, ref)], now)
            else:
                await self.pauses.release(unit, "complaint.open", [client_id], now, ref=ref)

    async def hear_revocation(self, unit: Transaction, received: list[Received], now: datetime) -> None:
        """Somebody asked us elsewhere not to be contacted."""
        for one in received:
            event = one.event
            assert isinstance(event, events.ConsentRevoked)  # noqa: S101
            consent = events.Consent(channel=event.channel, purpose=event.purpose, granted=False, text=event.reason)
            await hear(unit, self.addresses, event.person_id, consent, one.at or now, now)

    async def hear_grant(self, unit: Transaction, received: list[Received], now: datetime) -> None:
        """Somebody said yes elsewhere, expressly: a channel may open."""
        for one in received:
            event = one.event
            assert isinstance(event, events.ConsentGranted)  # noqa: S101
            said = min(event.consent.at or one.at or now, now)  # what was set aside is told later than it was said
            client_id = await hear(unit, self.addresses, event.person_id, event.consent, said, now, lifts=True)
            if event.consent.granted:
                await store.clients.end_stop(unit, client_id, said)
            await self.pauses.planner.plan(unit, [client_id], now)

    async def erase(self, unit: Transaction, received: list[Received], now: datetime) -> None:
        """Personal data go; the row stays, so that a late event revives nothing."""
        gone = [one.event for one in received if isinstance(one.event, events.PersonErased)]
        clients = await store.clients.lock_all(unit, {one.person_id for one in gone})
        lent = await take_back(unit, self.addresses, clients.values())
        leaving = [*clients.values(), *({"contact": contact} for contact in lent.values())]
        await suppress_erased(unit, self.addresses, leaving, now)
        reached = [address for one in leaving for name in ("email", "phone") if (address := one["contact"].get(name))]
        await store.inbound.forget_notices(unit, reached)
        await self.pauses.stop(unit, [one.person_id for one in gone], "client.erased", now)
        rows = [{**_client(one.person_id, one.lead_id, events.Contact(), now, prospect=False), "contact": {}} for one in gone]
        await store.clients.erase(unit, [{**row, "erased": True} for row in {row["id"]: row for row in rows}.values()])
        await self.pauses.planner.plan(unit, list(lent), now)


async def heirs_of(told: list[Told], unit: Transaction) -> list[Told]:
    """A person who was merged meanwhile is the survivor."""
    now_are = await store.merging.heirs(unit, [one.person_id for one in told])
    return [one.model_copy(update={"person_id": now_are.get(one.person_id, one.person_id)}) for one in told]


async def in_households(unit: Transaction, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put new clients under the roof of those who share their last name and their phone or postal code."""
    known = [dict(row) for row in await store.clients.of_surnames(unit, {row["surname"] for row in rows if row["surname"]})]
    for row in rows:
        housemate = next((one for one in known if one["id"] != row["id"] and shares_roof(_roof(row), _roof(one))), None)
        row["household_id"] = housemate["household_id"] if housemate else row["id"]
        known.append(row)
    return rows


def _roof(row: Any) -> Roof:
    return row["surname"], row["contact"].get("phone"), row["contact"].get("postal_code")


def _client(person_id: UUID, lead_id: UUID, contact: events.Contact, now: datetime, *, prospect: bool) -> dict[str, Any]:
    return {
        "id": person_id,
        "first_lead_id": lead_id,
        "household_id": person_id,
        "surname": fold(contact.last_name),
        "contact": contact.model_dump(),
        "prospect": prospect,
        "erased": False,
        "created_at": now,
    }


def _fact(client_id: UUID | None, kind: str, ref: str, now: datetime) -> dict[str, Any]:
    return {"client_id": client_id, "kind": kind, "ref": ref, "at": now}


def _said_at(lead_id: UUID, otherwise: datetime) -> datetime:
    """When a lead's consents were given: with the lead, whose id (UUIDv7) begins with its time."""
    if lead_id.version != 7:
        return otherwise
    return min(datetime.fromtimestamp((lead_id.int >> 80) / 1000, otherwise.tzinfo), otherwise)


def _heard_at(event: events.JobCompleted, now: datetime) -> datetime:
    at = event.arrived_at
    return min(at, now) if at is not None and at.tzinfo is not None else now


def _job(event: events.JobCompleted, client_id: UUID, now: datetime) -> dict[str, Any]:
    return {
        "client_id": client_id,
        "id": event.job_id,
        "lead_id": event.lead_id,
        "trade": event.trade,
        "outcome": event.outcome,
        "completed_on": event.completed_on,
        "arrived_at": _heard_at(event, now),
    }


def _arrival(event: events.JobCompleted, client_id: UUID, now: datetime) -> Arrival:
    facts = {"trade": event.trade, "outcome": event.outcome}
    at = _heard_at(event, now)
    return Arrival(client_id, event.lead_id, "job.completed", event.job_id, event.completed_on, at, facts)


def _lead(event: Any) -> UUID:
    return UUID(str(event.lead_id))


def _person(event: Any) -> UUID | None:
    found: UUID | None = event.person_id
    return found


async def adopt_agreement(unit: Transaction, received: list[Received], now: datetime) -> None:
    for one in received:
        event = one.event
        assert isinstance(event, events.AgreementApplied)  # noqa: S101
        await store.agreements.adopt(unit, hash=event.hash, text=event.text, at=event.at)
