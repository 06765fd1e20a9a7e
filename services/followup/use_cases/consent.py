"""Opt-outs and consents: statements that outlive the client, planned touches skipped, and a sentence to everybody else."""

import hashlib
import hmac
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from services.followup import store
from services.followup.domain.consent import EVERYTHING, NEVER_LIFTED, STRENGTH, Said, is_refused, standing, still_refused
from services.followup.domain.plans import PURPOSES, REVOKED_BY_ONE_CLICK
from shared import events
from shared.channels import channel_of, purpose_of
from shared.database import Transaction
from shared.envelope import to_record
from shared.outbox import emit, put

SOURCE = "/followup"
FIELDS = {"email": "email", "sms": "phone", "post": "address"}


class Addresses:
    """Hashes addresses with the installation's secret: a suppression names nobody."""

    def __init__(self, secret: bytes) -> None:
        self._secret = hmac.digest(secret, b"suppression", "sha256")

    def hash(self, channel: str, contact: Mapping[str, Any]) -> bytes | None:
        value = contact.get(FIELDS.get(channel, channel))
        return self.of(str(value)) if value else None

    def of(self, value: str) -> bytes:
        return hmac.new(self._secret, value.strip().casefold().encode("utf-8", "surrogatepass"), hashlib.sha256).digest()

    def sealed(self, value: str) -> str:
        """An address in the name of something that is kept for years, and after an erasure."""
        return self.of(value).hex()[:32]


@dataclass(frozen=True, slots=True)
class Statements:
    """What was said, looked up by client or address."""

    by_client: Mapping[UUID, list[Said]]
    by_address: Mapping[bytes, list[Said]]

    def of(self, client_id: UUID, address: bytes | None) -> list[Said]:
        return [*self.by_client.get(client_id, ()), *(self.by_address.get(address, ()) if address else ())]


async def statements(unit: Transaction, hashes: Collection[bytes], client_ids: Iterable[UUID]) -> Statements:
    by_client: dict[UUID, list[Said]] = {}
    by_address: dict[bytes, list[Said]] = {}
    for row in await store.consent.statements(unit, hashes, list(client_ids)):
        said = Said(row["channel"], row["purpose"] or None, row["granted"], row["at"], row["expires_at"])
        if row["client_id"] is not None:
            by_client.setdefault(row["client_id"], []).append(said)
        elif row["address_hash"] is not None:
            by_address.setdefault(row["address_hash"], []).append(said)
    return Statements(by_client, by_address)


async def unsubscribe(unit: Transaction, addresses: Addresses, client: Any, channel: str, now: datetime) -> None:
    """One click: no review, referral, marketing or newsletter on this channel. Mail about the client's own job goes on."""
    await revoke(unit, addresses, client, channel, REVOKED_BY_ONE_CLICK, "unsubscribed", now)


async def revoke(
    unit: Transaction, addresses: Addresses, client: Any, channel: str, purposes: Sequence[str], reason: str, now: datetime
) -> None:
    """The client said stop to us: kept, acted on, told to the others. A second time tells nobody anything new.

    It is theirs, and goes with them to another address, whatever is suppressed at this one, and because of whom.
    """
    address = addresses.hash(channel, client["contact"])
    await suppress_client(unit, addresses, client, channel, purposes, reason, now)
    words = (await statements(unit, [], [client["id"]])).of(client["id"], None)
    new = [] if client["erased"] else [one for one in purposes if not is_refused(words, channel, one, now)]
    await _state(unit, client["id"], address, channel, new, granted=False, why=reason, now=now)
    told = [
        events.ConsentRevoked(person_id=client["id"], channel=channel, purpose=None if one == EVERYTHING else one, reason=reason)
        for one in new
    ]
    await emit(unit, told, topic=events.FOLLOWUP, source=SOURCE, at=now, key=str(client["id"]))


async def grant(
    unit: Transaction, addresses: Addresses, client: Any, channel: str, purposes: Sequence[str], why: str, now: datetime
) -> None:
    """A newer express consent: it lifts an older opt-out, also one of everything, but neither a complaint nor an erasure.

    Told to the others. A no to everything only ends with a yes to everything; who allows less revokes the rest behind it.
    """
    address = addresses.hash(channel, client["contact"])
    words = (await statements(unit, [], [client["id"]])).of(client["id"], None)
    given = [EVERYTHING, *purposes] if purposes and standing(words, channel, EVERYTHING, now) is False else purposes
    new = [one for one in given if not standing(words, channel, one, now)]
    await _state(unit, client["id"], address, channel, given, granted=True, why=why, now=now)
    if address is not None and purposes:
        await store.consent.lift(unit, [address], channel, [*purposes, EVERYTHING], now, [*NEVER_LIFTED, "hard_bounce"])
    about = {"person_id": client["id"], "lead_id": client["first_lead_id"]}
    told = [events.ConsentGranted(**about, consent=_yes(channel, one, why, now)) for one in new]
    await emit(unit, told, topic=events.FOLLOWUP, source=SOURCE, at=now, key=str(client["id"]))


def _yes(channel: str, purpose: str, why: str, now: datetime) -> events.Consent:
    return events.Consent(channel=channel, purpose=None if purpose == EVERYTHING else purpose, granted=True, text=why, at=now)


async def _state(
    unit: Transaction, client_id: UUID | None, address: bytes | None, channel: str, purposes: Sequence[str], **said: Any
) -> None:
    rows = [
        {
            "id": uuid7(),
            "client_id": client_id,
            "address_hash": address,
            "channel": channel,
            "purpose": "" if purpose == EVERYTHING else purpose,
            "granted": said["granted"],
            "evidence": said["why"][:200],
            "at": said["now"],
        }
        for purpose in purposes
    ]
    if rows:
        await store.consent.say(unit, rows)


async def hear(
    unit: Transaction,
    addresses: Addresses,
    client_id: UUID,
    consent: events.Consent,
    at: datetime,
    now: datetime,
    *,
    lifts: bool = False,
) -> UUID:
    """Something they said elsewhere, perhaps before they became a client: kept, acted on, not echoed. Returns who they are."""
    client = await store.clients.lock(unit, client_id)
    client_id = client["id"] if client is not None else (await store.merging.heirs(unit, [client_id])).get(client_id, client_id)
    channel, purpose = channel_of(consent.channel), purpose_of(consent.purpose)
    purposes = [purpose or EVERYTHING]
    if client is not None and client["erased"]:
        return client_id
    await _state(unit, client_id, None, channel, purposes, granted=consent.granted, why=consent.text or "elsewhere", now=at)
    if client is None:
        return client_id
    address = addresses.hash(channel, client["contact"])
    if not consent.granted:  # an older no closes nothing that a newer yes opened
        words = (await statements(unit, [address] if address else [], [client_id])).of(client_id, address)
        refused = still_refused(words, channel, purpose or EVERYTHING, now)
        await suppress_client(unit, addresses, client, channel, refused, "not granted", now, at=at)
    elif address is not None and lifts:
        every = [*PURPOSES, EVERYTHING] if purpose is None else purposes
        await store.consent.lift(unit, [address], channel, every, at, [*NEVER_LIFTED, "hard_bounce"])
    return client_id


async def suppress_client(
    unit: Transaction,
    addresses: Addresses,
    client: Any,
    channel: str,
    purposes: Sequence[str],
    reason: str,
    now: datetime,
    *,
    at: datetime | None = None,
) -> None:
    """Suppress a client's address on a channel, and end what was planned there."""
    address = addresses.hash(channel, client["contact"])
    if address is not None:
        await _suppress(unit, address, channel, purposes, reason, at or now)
    await skip(unit, [client["id"]], channel, purposes, "opt_out", now)


async def suppress_erased(unit: Transaction, addresses: Addresses, clients: Iterable[Any], now: datetime) -> None:
    """Who asked to be forgotten is not found again by marketing; a new job of theirs may still be written about."""
    for client in clients:
        for channel in FIELDS:
            address = addresses.hash(channel, client["contact"])
            if address is not None:
                await _suppress(unit, address, channel, REVOKED_BY_ONE_CLICK, "erased", now)


async def suppress_address(
    unit: Transaction,
    addresses: Addresses,
    channel: str,
    value: str,
    reason: str,
    now: datetime,
    *,
    until: datetime | None = None,
) -> None:
    """This address takes nothing any more, whoever has it: a bounce, or a decision of the office."""
    await _suppress(unit, addresses.of(value), channel, [EVERYTHING], reason, now, until)
    if until is None:
        clients = await store.clients.with_address(unit, channel, value)
        await skip(unit, [client["id"] for client in clients], channel, [EVERYTHING], reason, now)


async def suppress_known(
    unit: Transaction, address: bytes, channel: str, purposes: Sequence[str], reason: str, now: datetime
) -> None:
    """An address nobody has now, or whose owner we only know by its hash."""
    await _suppress(unit, address, channel, purposes, reason, now)


async def _suppress(
    unit: Transaction,
    address: bytes,
    channel: str,
    purposes: Sequence[str],
    reason: str,
    at: datetime,
    until: datetime | None = None,
) -> None:
    common = {"address_hash": address, "channel": channel, "reason": reason, "at": at, "until": until}
    await store.consent.suppress(unit, [{**common, "purpose": purpose} for purpose in purposes], STRENGTH)


async def skip(
    unit: Transaction, client_ids: Collection[UUID], channel: str, purposes: Sequence[str], reason: str, now: datetime
) -> None:
    """End what was planned, and say so."""
    names = ("client_id", "lead_id", "plan", "step", "channel", "cycle", "subject")
    rows = await store.consent.skip_planned(unit, client_ids, channel, purposes, reason, now) if client_ids else []
    records = [
        to_record(
            events.TouchSkipped(touch_id=row["id"], at=now, reason=reason, **{name: row[name] for name in names}),
            key=str(row["client_id"]),
            source=SOURCE,
            at=now,
        )
        for row in rows
    ]
    await put(unit, events.FOLLOWUP, records)
