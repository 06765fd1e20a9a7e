"""A won lead makes a client; a completed job enrols them in the plan, once."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib import metadata

from uuid_utils.compat import uuid7

from services.followup import models, store
from services.followup.domain.plans import Plan, slots
from services.followup.use_cases.consent import Addresses, suppress_client
from shared import events
from shared.agreement import parse
from shared.consumer import Refused
from shared.database import Transaction
from shared.envelope import Received
from shared.outbox import emit

SOURCE = "/followup"
parse_agreement = lru_cache(maxsize=4)(parse)


@dataclass(frozen=True, slots=True)
class Clients:
    """The use cases that need to know the plan and how addresses are hashed."""

    plan: Plan
    addresses: Addresses

    async def create_client(self, unit: Transaction, received: list[Received], now: datetime) -> None:
        for one in received:
            event = one.event
            assert isinstance(event, events.LeadWon)  # noqa: S101
            client_id = event.person_id
            row = {
                "id": client_id,
                "first_lead_id": event.lead_id,
                "household_id": client_id,
                "contact": event.contact.model_dump(),
                "erased": False,
                "created_at": now,
            }
            is_new = await store.clients.create(unit, row)
            await store.clients.know_lead(unit, event.lead_id, client_id)
            client = await store.clients.find(unit, client_id)
            for consent in event.consents:
                if not consent.granted:
                    purposes = [consent.purpose or "all"]
                    await suppress_client(unit, self.addresses, client, consent.channel, purposes, "not granted", now)
            if is_new:
                created = events.ClientCreated(client_id=client_id, lead_id=event.lead_id, person_id=event.person_id)
                await emit(unit, [created], topic=events.FOLLOWUP, source=SOURCE, at=now, key=str(client_id))

    async def enrol(self, unit: Transaction, received: list[Received], now: datetime) -> None:
        """One enrolment per (client, plan, job); every touch that is not too late becomes a row."""
        agreement = await store.agreements.current(unit)
        zone = parse_agreement(agreement).company.tz if agreement else None
        for one in received:
            event = one.event
            assert isinstance(event, events.JobCompleted)  # noqa: S101
            client = await store.clients.of_lead(unit, event.lead_id)
            if client is None or zone is None:
                raise Refused("The job's lead was never won, as far as this topic says.")
            enrolment = {
                "id": uuid7(),
                "client_id": client["id"],
                "lead_id": event.lead_id,
                "plan": self.plan.key,
                "plan_version": self.plan.version,
                "subject": event.job_id,
                "anchors": {"job.completed_on": event.completed_on.isoformat()},
                "enrolled_at": now,
            }
            if client["erased"] or not await store.enrolments.create(unit, enrolment):
                continue
            names = ("client_id", "lead_id", "plan", "plan_version")
            touches = [
                {
                    "id": uuid7(),
                    "enrolment_id": enrolment["id"],
                    **{name: enrolment[name] for name in names},
                    "step": slot.step.key,
                    "channel": slot.step.channel,
                    "purpose": slot.step.purpose,
                    "local_date": slot.due_at.astimezone(zone).date(),
                    "local_time": slot.due_at.astimezone(zone).time(),
                    "zone": zone.key,
                    "tzdata": metadata.version("tzdata"),
                    "notes": [],
                    "due_at": slot.due_at,
                    "expires_at": slot.expires_at,
                    "state": "planned",
                    "attempt": 0,
                    "fence": 0,
                }
                for slot in slots(self.plan, completed_on=event.completed_on, arrived_at=now, zone=zone)
            ]
            await unit.insert(models.Touch, touches)

    async def hear_revocation(self, unit: Transaction, received: list[Received], now: datetime) -> None:
        """Somebody asked us elsewhere not to be contacted."""
        for one in received:
            event = one.event
            assert isinstance(event, events.ConsentRevoked)  # noqa: S101
            client = await store.clients.find(unit, event.person_id)
            if client is not None:
                await suppress_client(unit, self.addresses, client, event.channel, [event.purpose or "all"], event.reason, now)

    async def erase(self, unit: Transaction, received: list[Received], now: datetime) -> None:
        """Personal data go; the row stays, so that a late event revives nothing."""
        for one in received:
            event = one.event
            assert isinstance(event, events.PersonErased)  # noqa: S101
            await unit.insert(
                models.Client,
                [
                    {
                        "id": event.person_id,
                        "first_lead_id": event.lead_id,
                        "household_id": event.person_id,
                        "contact": {},
                        "erased": True,
                        "created_at": now,
                    }
                ],
                "ON CONFLICT (id) DO UPDATE SET contact = '{}', surname = NULL, erased = TRUE",
            )


async def adopt_agreement(unit: Transaction, received: list[Received], now: datetime) -> None:
    for one in received:
        event = one.event
        assert isinstance(event, events.AgreementApplied)  # noqa: S101
        await store.agreements.adopt(unit, hash=event.hash, text=event.text, at=event.at)
