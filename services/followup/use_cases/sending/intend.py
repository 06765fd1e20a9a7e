"""The gate and the intent are one transaction, under the client's lock: an opt-out committed before it is always seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.followup import store
from services.followup.adapters.message import is_writable
from services.followup.adapters.rendering import LeftOut, Unrenderable
from services.followup.domain.consent import refusal
from services.followup.domain.gate import AtTheGate, refuse
from services.followup.domain.sending import Breaker
from services.followup.use_cases.consent import Addresses, statements
from services.followup.use_cases.messages import compose
from services.followup.use_cases.plan_book import PlanBook
from services.followup.use_cases.planning import company_of
from services.followup.use_cases.sending.compose import Composer, Outgoing
from services.followup.use_cases.sending.ends import End, end_touches
from services.followup.use_cases.sending.restraints import Held, Restraints
from shared import telemetry
from shared.agreement import Company
from shared.database import Transaction
from shared.mail import Unsendable

MARKETING = ("marketing", "newsletter", "referral", "review")


@dataclass(slots=True)
class Governor:
    """What our own share of complaints allows; looked at again every minute by the scheduler."""

    state: str = "go"


@dataclass(frozen=True, slots=True)
class Intender:
    book: PlanBook
    addresses: Addresses
    composer: Composer
    restraints: Restraints
    lease: timedelta
    breaker: Breaker = field(default_factory=Breaker)
    governor: Governor = field(default_factory=Governor)

    async def intend(self, unit: Transaction, touches: Sequence[Any], now: datetime) -> list[Outgoing]:
        """What may be sent now, its intent written. The others are skipped, expired or put back, with their reason."""
        roofs = await store.planning.lock_households(unit, {touch["client_id"] for touch in touches})
        clients = {row["id"]: row for row in roofs}
        company = await company_of(unit)
        plans = await self.book.versions(unit, {(touch["plan"], touch["plan_version"]) for touch in touches})
        held = await self.restraints.ask(unit, touches, clients, plans, company, now)
        asked = await self._ask(unit, touches, clients, held, company, now)
        ends: list[End] = []
        later: list[tuple[UUID, int, datetime]] = []
        ready: list[Outgoing] = []
        for touch in touches:
            no = refuse(asked[touch["id"]], now)
            if no is None:
                done = await self._compose(unit, touch, clients[touch["client_id"]]["contact"], company, now)
                if isinstance(done, Outgoing):
                    ready.append(done)
                else:
                    ends.append(done)
            elif no.until is not None:
                later.append((touch["id"], touch["fence"], no.until))
            else:
                ends.append((touch, no.state, no.reason))
        await end_touches(unit, ends, now)
        await store.sending.put_back(unit, later)
        return await self._commit_to(unit, ready, now)

    async def _compose(self, unit: Transaction, touch: Any, contact: Any, company: Company, now: datetime) -> Outgoing | End:
        """An end: the template or the address can never become a message, or the plan leaves it out. Nothing is sent half."""
        links = self.composer.links(touch["client_id"], touch["id"], touch["channel"])
        try:
            said = await compose(unit, self.book, touch, touch["anchors"], contact, company, links)
            return self.composer.outgoing(touch, said, links, contact, company, now, now + self.lease)
        except LeftOut as error:
            return touch, "skipped", str(error)
        except (Unsendable, Unrenderable) as error:
            telemetry.log().error("touch cannot become a message", touch_id=str(touch["id"]), error=str(error)[:200])
            return touch, "failed", "unsendable"

    async def _commit_to(self, unit: Transaction, ready: list[Outgoing], now: datetime) -> list[Outgoing]:
        if not ready:
            return []
        rows = [(one.touch["id"], one.touch["fence"], one.message_id) for one in ready]
        kept = await store.sending.intend(unit, rows, now, now + self.lease)
        return [one for one in ready if one.touch["id"] in kept]

    async def _ask(
        self,
        unit: Transaction,
        touches: Sequence[Any],
        clients: Mapping[UUID, Any],
        held: Mapping[UUID, Held],
        company: Company,
        now: datetime,
    ) -> dict[UUID, AtTheGate]:
        """Read what the gate needs to know, a statement for all of them."""
        hashes = {touch["id"]: self.addresses.hash(touch["channel"], clients[touch["client_id"]]["contact"]) for touch in touches}
        known = [one for one in hashes.values() if one is not None]
        suppressed: dict[tuple[bytes, str], set[str]] = {}
        for row in await store.consent.all_suppressed(unit, known, now):
            suppressed.setdefault((row["address_hash"], row["channel"]), set()).add(row["purpose"])
        said = await statements(unit, known, clients)
        sent = await store.sending.already_sent(unit, touches)
        has_sender = is_writable(company.sender)
        if not has_sender:
            telemetry.log().error("no mail goes out: the agreement's company.sender is no address", sender=company.sender[:200])
        found = {}
        for touch in touches:
            client, address = clients[touch["client_id"]], hashes[touch["id"]]
            channel, purpose = touch["channel"], touch["purpose"]
            restraint = held.get(touch["id"], Held())
            found[touch["id"]] = AtTheGate(
                purpose=purpose,
                expires_at=touch["expires_at"],
                erased=client["erased"],
                stopped=_stopped(client, touch),
                already_sent=touch["id"] in sent,
                suppressed=suppressed.get((address, channel), ()) if address else (),
                refusal=refusal(said.of(touch["client_id"], address), channel, purpose, now),
                has_address=address is not None,
                opens_at=restraint.opens_at,
                cap=restraint.cap,
                cap_until=restraint.cap_until,
                back_at=self._back_at(client["contact"], channel, purpose, now, has_sender=has_sender),
            )
        return found

    async def policies(self, unit: Transaction, touches: Sequence[Any]) -> dict[UUID, str]:
        """On which side each touch's plan errs when nobody knows whether it was sent."""
        plans = await self.book.versions(unit, {(touch["plan"], touch["plan_version"]) for touch in touches})
        found = {touch["id"]: plans.get((touch["plan"], touch["plan_version"])) for touch in touches}
        return {
            touch["id"]: plan.settle_doubt(touch["channel"], touch["purpose"]) if (plan := found[touch["id"]]) else "drop"
            for touch in touches
        }

    def _back_at(
        self, contact: Mapping[str, Any], channel: str, purpose: str, now: datetime, *, has_sender: bool
    ) -> datetime | None:
        if channel == "email" and not has_sender:  # no fault of the mail's
            return now + timedelta(hours=1)
        if self.governor.state == "stop" and channel == "email" and purpose in MARKETING:
            return now + timedelta(hours=1)
        if channel != "email":
            return None
        return self.breaker.back_at(str(contact.get("email") or "").rpartition("@")[2].lower(), now)


def _stopped(client: Any, touch: Any) -> str | None:
    if client["moved_at"] is not None:
        return "client.moved"
    if client["stopped_at"] is not None and touch["purpose"] != "service":
        return "client.asked_to_stop"
    if touch["enrolment_state"] not in ("active", "completed"):
        return f"enrolment {touch['enrolment_state']}"
    return None
