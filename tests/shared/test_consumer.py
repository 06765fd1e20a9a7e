"""The consumer on a real database: effects once, a failing key parked, the rest flowing, redrive in order."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from shared.consumer import Consumer
from shared.database import Database, Transaction
from shared.envelope import Received, to_record
from shared.events import HANDOFF, INTAKE, LeadMerged, LeadTouched
from shared.outbox import emit
from shared.settings import LocalSettings

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@dataclass
class FakeRecord:
    """What aiokafka hands over."""

    topic: str
    key: bytes
    headers: list[tuple[str, bytes]]
    value: bytes
    partition: int = 0
    offset: int = 0


@dataclass
class Effects:
    """A use case that writes down what it did, and fails where it is told to."""

    seen: list[tuple[UUID, str]] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    async def handle(self, unit: Transaction, received: list[Received], now: datetime) -> None:
        for one in received:
            event = one.event
            assert isinstance(event, LeadTouched)
            if event.message in self.broken:
                raise RuntimeError("a bug")
            self.seen.append((event.lead_id, event.message))


def touched(lead_id: UUID, message: str, *, redriven: bool = False) -> FakeRecord:
    event = LeadTouched(lead_id=lead_id, person_id=lead_id, form="api", message=message, received_at=NOW)
    record = to_record(event, key=str(lead_id), source="/test", at=NOW)
    headers = [(name, value.encode()) for name, value in record.headers.items()]
    return FakeRecord(INTAKE, record.key.encode(), headers + ([("redrive-count", b"1")] if redriven else []), record.value)


def consumer(database: Database, effects: Effects) -> Consumer:
    handlers: dict[Any, Any] = {LeadTouched: effects.handle}
    return Consumer(LocalSettings(), database, group="test", topics=[INTAKE], handlers=handlers)


async def dead(database: Database) -> list[dict[str, str]]:
    async with database.reading() as unit:
        rows = await unit.fetch("SELECT headers FROM outbox WHERE topic LIKE '%.dlq' ORDER BY seq")
    return [row["headers"] for row in rows]


async def test_a_redelivery_has_no_second_effect(database: Database) -> None:
    effects, lead = Effects(), uuid7()
    record = touched(lead, "a")
    await consumer(database, effects).apply([record, record], NOW)
    await consumer(database, effects).apply([record], NOW)
    assert effects.seen == [(lead, "a")]


@pytest.mark.parametrize("broken", [set(), {"boom"}])
async def test_what_was_read_is_observed_once_also_without_a_handler_and_not_what_failed(
    database: Database, broken: set[str]
) -> None:
    """Handoff's facts are made of this: every event it reads, those it does nothing about too."""

    async def observe(unit: Transaction, received: list[Received], now: datetime) -> None:
        await emit(unit, [one.event for one in received], topic=HANDOFF, source="/test", at=now)

    effects, lead, bad = Effects(broken=broken), uuid7(), uuid7()
    merged = to_record(LeadMerged(lead_id=lead, person_id=lead, into=bad), key=str(lead), source="/test", at=NOW)
    other = FakeRecord(INTAKE, merged.key.encode(), [(k, v.encode()) for k, v in merged.headers.items()], merged.value)
    records = [touched(lead, "a"), other, touched(bad, "boom")]
    handlers: dict[Any, Any] = {LeadTouched: effects.handle}
    reader = Consumer(LocalSettings(), database, group="test", topics=[INTAKE], handlers=handlers, observe=observe)
    await reader.apply(records, NOW)
    await reader.apply(records, NOW)
    async with database.reading() as unit:
        rows = await unit.fetch("SELECT headers FROM outbox WHERE topic = $1", HANDOFF)
    kinds = sorted(row["headers"]["ce_type"].split(".")[-2] for row in rows)
    assert kinds == (["merged", "touched"] if broken else ["merged", "touched", "touched"])


async def test_order_within_a_lead_is_kept_in_a_batch(database: Database) -> None:
    effects, one, two = Effects(), uuid7(), uuid7()
    await consumer(database, effects).apply([touched(one, "1"), touched(two, "1"), touched(one, "2"), touched(one, "3")], NOW)
    assert [message for lead, message in effects.seen if lead == one] == ["1", "2", "3"]


async def test_a_failing_event_parks_its_key_and_harms_nobody_else(database: Database) -> None:
    effects, bad, good = Effects(broken={"boom"}), uuid7(), uuid7()
    boom, later = touched(bad, "boom"), touched(bad, "later")
    effects.seen.clear()
    await consumer(database, effects).apply([boom, touched(good, "fine"), later], NOW)
    assert effects.seen[-1:] == [(good, "fine")] or (good, "fine") in effects.seen
    assert (bad, "later") not in effects.seen
    assert [letter["dlq-reason"] for letter in await dead(database)] == ["failed", "parked"]
    await consumer(database, effects).apply([touched(bad, "even later")], NOW)
    assert (bad, "even later") not in effects.seen  # the key waits, also in the next batch


async def test_redrive_is_not_taken_for_a_duplicate_and_unparks_the_key(database: Database) -> None:
    effects, lead = Effects(broken={"boom"}), uuid7()
    boom, later = touched(lead, "boom"), touched(lead, "later")
    await consumer(database, effects).apply([boom, later], NOW)
    effects.broken.clear()
    effects.seen.clear()
    again = [FakeRecord(r.topic, r.key, [*r.headers, ("redrive-count", b"1")], r.value) for r in (boom, later)]
    await consumer(database, effects).apply(again, NOW)
    await consumer(database, effects).apply(again, NOW)  # and a repeat of the redrive does nothing
    await consumer(database, effects).apply([touched(lead, "new")], NOW)
    assert [message for _, message in effects.seen] == ["boom", "later", "new"]


async def test_what_waits_behind_a_failed_event_does_not_overtake_it_when_it_fails_again(database: Database) -> None:
    effects, lead = Effects(broken={"boom"}), uuid7()
    boom, later, last = (touched(lead, message) for message in ("boom", "later", "last"))
    await consumer(database, effects).apply([boom, later, last], NOW)
    effects.seen.clear()
    again = [FakeRecord(r.topic, r.key, [*r.headers, ("redrive-count", b"1")], r.value) for r in (boom, later, last)]
    for record in again:  # one poll each, as they come
        await consumer(database, effects).apply([record], NOW)
    assert effects.seen == []
    effects.broken.clear()
    for record in again:
        await consumer(database, effects).apply([record], NOW)
    assert [message for _, message in effects.seen] == ["boom", "later", "last"]


async def test_a_plain_redelivery_of_a_dead_event_stays_dead(database: Database) -> None:
    effects, lead = Effects(broken={"boom"}), uuid7()
    boom = touched(lead, "boom")
    await consumer(database, effects).apply([boom], NOW)
    effects.broken.clear()
    await consumer(database, effects).apply([boom], NOW)
    assert effects.seen == []
    assert len(await dead(database)) == 1


@pytest.mark.parametrize("missing", ["ce_id", "ce_source", "ce_type", "ce_specversion"])
async def test_an_event_without_identity_goes_to_the_dead_letters(database: Database, missing: str) -> None:
    effects, record = Effects(), touched(uuid7(), "a")
    record.headers = [(name, value) for name, value in record.headers if name != missing]
    await consumer(database, effects).apply([record], NOW)
    assert effects.seen == []
    assert [letter["dlq-reason"] for letter in await dead(database)] == ["unreadable"]


@pytest.mark.parametrize("place", ["a name", "ce_id", "ce_source", "ce_time", "ce_subject", "traceparent", "key", "structured"])
async def test_what_a_database_cannot_keep_becomes_a_letter_wherever_it_stands(database: Database, place: str) -> None:
    effects, lead, good = Effects(), uuid7(), touched(uuid7(), "fine")
    bad = touched(lead, "bad")
    if place == "a name":
        bad = FakeRecord(bad.topic, bad.key, [*bad.headers, ("ce_bad\0name", b"x")], b"{")
    elif place == "key":
        bad = FakeRecord(bad.topic, b"k\0", bad.headers, bad.value)
    elif place == "structured":
        body = b'{"specversion":"1.0","id":"1","source":"/x","type":"leadhandoff.lead.touched.v1","b\\u0000d":"x","data":{}}'
        bad = FakeRecord(bad.topic, bad.key, [("content-type", b"application/cloudevents+json")], body)
    else:
        bad.headers[:] = [(name, b"a\0b" if name == place else value) for name, value in bad.headers]
        bad.headers.extend([] if any(name == place for name, _ in bad.headers) else [(place, b"a\0b")])
    await consumer(database, effects).apply([bad, good], NOW)
    assert (UUID(good.key.decode()), "fine") in effects.seen
    assert len(effects.seen) + len(await dead(database)) == 2


async def test_each_lead_of_a_batch_goes_on_with_its_own_trace(database: Database) -> None:
    async def emits(unit: Transaction, received: list[Received], now: datetime) -> None:
        await emit(unit, [one.event for one in received], topic=INTAKE, source="/test", at=now)

    leads = [uuid7() for _ in range(3)]
    traces = {str(lead): f"00-{number:032x}-{'b' * 16}-01" for number, lead in enumerate(leads, 1)}
    records = [touched(lead, "hello") for lead in leads]
    for record, lead in zip(records, leads, strict=True):
        record.headers.append(("traceparent", traces[str(lead)].encode()))
    reader = Consumer(LocalSettings(), database, group="test", topics=[INTAKE], handlers={LeadTouched: emits})
    await reader.apply(records, NOW)
    async with database.reading() as unit:
        rows = await unit.fetch("SELECT key, headers->>'traceparent' AS trace FROM outbox")
    assert {row["key"]: row["trace"] for row in rows} == traces
