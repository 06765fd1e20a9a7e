"""The way a touch takes out of the house: claim, gate, intent, send, result."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from services.followup import store
from services.followup.adapters.smtp import Answer
from services.followup.domain.sending import Breaker, Limit, governor, read_limits, retry_at
from services.followup.scheduler.recovery import Recovery
from services.followup.use_cases.consent import suppress_address, unsubscribe
from services.followup.use_cases.sending.record import settle_doubts
from shared.database import Database
from tests.services.followup.sending import (
    ADDRESSES,
    Recording,
    add_clients,
    add_touches,
    loop_over,
    running,
    settled,
    states,
    the_plan,
    told,
)

LATER = datetime.now(UTC) + timedelta(days=30)


async def enrolments_of(database: Database, client_id: UUID) -> list[UUID]:
    async with database.reading() as unit:
        return [row["id"] for row in await unit.fetch("SELECT id FROM enrolment WHERE client_id = $1", client_id)]


async def test_each_due_touch_goes_out_once_and_is_journaled(followup_database: Database) -> None:
    channel = Recording()
    ids = await add_touches(followup_database, await add_clients(followup_database, 50))
    await add_touches(followup_database, await add_clients(followup_database, 3), due_at=datetime.now(UTC) + timedelta(hours=1))
    async with running(loop_over(followup_database, channel)), running(loop_over(followup_database, channel)):
        found = await settled(followup_database)
    assert found == {("sent", None): 50, ("planned", None): 3}
    assert Counter(channel.recipients).most_common(1)[0][1] == 1
    async with followup_database.reading() as unit:
        journal = await unit.fetch("SELECT touch_id, message_id FROM sent")
        attempts = await unit.fetch("SELECT touch_id, number FROM attempt")
    assert {row["touch_id"] for row in journal} == set(ids) == {row["touch_id"] for row in attempts}
    events = await told(followup_database)
    assert {event["touch_id"] for event in events if event["type"] == "touch.sent"} == {str(id) for id in ids}
    assert {event["message_id"] for event in events} == {row["message_id"] for row in journal}


async def test_caps_count_by_the_day_it_went_out_and_not_by_the_day_it_was_due(followup_database: Database) -> None:
    now, clients = datetime.now(UTC), await add_clients(followup_database)
    late, early, flying = await add_touches(followup_database, clients * 3, due_at=now - timedelta(days=90))
    went_out = [(late, "sent", now), (early, "sent", now - timedelta(days=89)), (flying, "sending", None)]
    async with followup_database.transaction() as unit:
        for id, state, at in went_out:
            await unit.execute("UPDATE touch SET state = $2, settled_at = $3 WHERE id = $1", id, state, at)
        found = await store.sending.recent_touches(unit, clients, now - timedelta(days=31))
    assert {row["id"] for row in found} == {late, flying}


async def test_what_was_read_long_ago_is_forgotten_however_much_it_is(followup_database: Database) -> None:
    async with followup_database.transaction() as unit:
        await unit.execute(
            "INSERT INTO inbox (source, event_id, topic, key, received_at) "
            "SELECT '/test', n::text, 'test', '', now() - n % 2 * interval '46 days' FROM generate_series(1, 10003) AS n"
        )
    await Recovery(loop_over(followup_database, Recording()))._look_around()
    async with followup_database.reading() as unit:
        assert await unit.value("SELECT count(*) FROM inbox") == 5_001


async def test_an_expired_touch_is_never_sent_and_says_so(followup_database: Database) -> None:
    channel = Recording()
    long_ago = datetime.now(UTC) - timedelta(days=3)
    await add_touches(followup_database, await add_clients(followup_database, 5), due_at=long_ago, expires_at=long_ago)
    async with running(loop_over(followup_database, channel)):
        assert await settled(followup_database) == {("expired", "expired"): 5}
    assert channel.sent == []
    assert [(event["type"], event["reason"]) for event in await told(followup_database)] == [("touch.skipped", "expired")] * 5


async def test_an_opt_out_during_a_pause_between_attempts_wins(followup_database: Database) -> None:
    channel = Recording(lambda message: Answer("again", "451"))
    (client_id,) = await add_clients(followup_database)
    await add_touches(followup_database, [client_id], purpose="marketing")
    async with running(loop_over(followup_database, channel)):
        await settled(followup_database)
    async with followup_database.transaction() as unit:
        client = await unit.row("SELECT * FROM client WHERE id = $1", client_id)
        await unsubscribe(unit, ADDRESSES, client, "email", datetime.now(UTC))
        await unit.execute("UPDATE touch SET state = 'planned', due_at = now()")  # as if the skip had missed it
    async with running(loop_over(followup_database, channel)):
        assert await settled(followup_database) == {("skipped", "opt_out"): 1}
    assert len(channel.sent) == 1


@pytest.mark.parametrize(
    ("answer", "state", "attempt"),
    [
        (Answer("again", "450"), "planned", 1),
        (Answer("busy", "421", 421), "planned", 0),
        (Answer("never", "554 5.7.1 no", 554, "5.7.1"), "failed", 1),
        (Answer("doubt"), "sending", 1),
    ],
)
async def test_an_answer_decides_what_becomes_of_the_touch(
    followup_database: Database, answer: Answer, state: str, attempt: int
) -> None:
    await add_touches(followup_database, await add_clients(followup_database))
    loop = loop_over(followup_database, Recording(lambda message: answer), settle=60)
    async with running(loop), followup_database.reading() as unit:
        for _ in range(200):
            row = await unit.row("SELECT state, attempt, due_at FROM touch")
            if row["state"] == state and (state != "planned" or row["due_at"] > datetime.now(UTC)):
                break

            await asyncio.sleep(0.02)
    assert (row["state"], row["attempt"]) == (state, attempt)


@pytest.mark.parametrize(("result", "witness"), [("busy", None), ("again", None), ("doubt", "resend")])
async def test_what_is_tried_again_waits_with_its_plan(followup_database: Database, result: Any, witness: str | None) -> None:
    (client_id,) = await add_clients(followup_database)
    (touch_id,) = await add_touches(followup_database, [client_id], enrolment="active", expires_at=LATER)
    (enrolment_id,) = await enrolments_of(followup_database, client_id)
    loop = loop_over(followup_database, Recording(lambda message: Answer(result)))
    now = datetime.now(UTC)
    async with followup_database.transaction() as unit:
        claimed = await store.sending.claim_due(unit, now, ["email"], limit=1, lease=timedelta(minutes=2))
        ready = await loop.intender.intend(unit, claimed, now)
    async with followup_database.transaction() as unit:  # they answer an earlier mail while this one is in the air
        await store.enrolments.pause(unit, [enrolment_id], "conversation.open")
    async with followup_database.transaction() as unit:
        await loop.recorder.record(unit, [(one, Answer(result)) for one in ready], now)
        if witness:
            doubtful = await store.sending.in_doubt(unit, now + timedelta(minutes=5))
            await settle_doubts(unit, doubtful, {}, {touch_id: witness}, now)
    assert await states(followup_database) == {("paused", "conversation.open"): 1}
    async with followup_database.transaction() as unit:
        await store.enrolments.resume(unit, [enrolment_id], now)
    assert await states(followup_database) == {("planned", None): 1}


@pytest.mark.parametrize("email", ["ada@example.net", "ada@exämple.net"])
async def test_a_mailbox_that_is_gone_ends_everything_that_was_planned_for_it(followup_database: Database, email: str) -> None:
    gone = Answer("never", "550 5.1.1 no such user", 550, "5.1.1", at_recipient=True)
    (client_id,) = await add_clients(followup_database, email=email)
    await add_touches(followup_database, [client_id])
    await add_touches(followup_database, [client_id], due_at=datetime.now(UTC) + timedelta(days=300), step="anniversary")
    async with running(loop_over(followup_database, Recording(lambda message: gone))):
        found = await settled(followup_database)
    assert found == {("failed", "hard_bounce"): 1, ("skipped", "hard_bounce"): 1}


async def test_one_touch_that_cannot_become_a_mail_stops_no_other(followup_database: Database) -> None:
    channel = Recording()
    await add_touches(followup_database, await add_clients(followup_database, 3))
    await add_touches(followup_database, await add_clients(followup_database, 1, email="not an address"))
    await add_touches(followup_database, await add_clients(followup_database, 1), step="no_such_step")
    await add_touches(followup_database, await add_clients(followup_database, 1, email=None))
    async with running(loop_over(followup_database, channel)):
        found = await settled(followup_database)
    assert found == {("sent", None): 3, ("failed", "unsendable"): 2, ("skipped", "no_address"): 1}


async def test_a_touch_without_its_template_is_left_out_where_the_plan_says_so(followup_database: Database) -> None:
    news = '[step.news]\nmonthly = "first tuesday"\npurpose = "newsletter"\ntemplate = "news-{yyyy}-{mm}"\nmissing = "skip"\n'
    await the_plan(followup_database, news)
    await add_touches(followup_database, await add_clients(followup_database, 1), step="news")
    async with running(loop_over(followup_database, Recording())):
        found = await settled(followup_database)
    assert found == {("skipped", "there is no template news-2026-11"): 1}


async def test_replicas_together_stay_within_a_limit(followup_database: Database) -> None:
    channel = Recording()
    await add_touches(followup_database, await add_clients(followup_database, 40))
    limits = (Limit(7, "day", ZoneInfo("UTC")), Limit(1000, "hour", ZoneInfo("UTC")))
    loops = [loop_over(followup_database, channel, limits=limits) for _ in range(3)]
    async with running(loops[0]), running(loops[1]), running(loops[2]):
        await asyncio.sleep(1.5)
    assert len(channel.sent) == 7


class Slow(Recording):
    async def send(self, message: Any) -> Answer:
        answer = await super().send(message)
        await asyncio.sleep(0.3)
        return answer


@pytest.mark.parametrize(
    ("answer", "purpose", "used"),
    [(Answer("sent"), "service", 3), (Answer("busy", "421", 421), "service", 0), (Answer("sent"), "marketing", 0)],
)
async def test_a_day_is_used_up_by_what_went_out_alone(
    followup_database: Database, answer: Answer, purpose: str, used: int
) -> None:
    clients = await add_clients(followup_database, 3)
    await add_touches(followup_database, clients, purpose=purpose)
    async with followup_database.transaction() as unit:
        await unit.execute("UPDATE client SET stopped_at = now()")  # which service mail does not ask
    limits = read_limits("100/second, 100/day")
    async with running(loop_over(followup_database, Recording(lambda message: answer), limits=limits)):
        await settled(followup_database)
        await asyncio.sleep(0.1)
    async with followup_database.reading() as unit:
        assert await unit.value("SELECT used FROM send_limit WHERE name = 'email/day'") == used


async def test_what_is_in_the_air_lands_however_often_the_stop_is_asked_for(followup_database: Database) -> None:
    await add_touches(followup_database, await add_clients(followup_database))
    channel = Slow()
    task = asyncio.create_task(loop_over(followup_database, channel).send())
    while not channel.sent:
        await asyncio.sleep(0.01)
    for _ in range(4):
        task.cancel()
        await asyncio.sleep(0.05)
    await asyncio.gather(task, return_exceptions=True)
    assert await states(followup_database) == {("sent", None): 1}


async def test_who_lost_the_lease_can_neither_intend_nor_settle(followup_database: Database) -> None:
    await add_touches(followup_database, await add_clients(followup_database))
    now = datetime.now(UTC)
    async with followup_database.transaction() as unit:
        (lost,) = await store.sending.claim_due(unit, now, ["email"], limit=1, lease=timedelta(0))
        later = now + timedelta(seconds=1)
        (held,) = await store.sending.claim_due(unit, later, ["email"], limit=1, lease=timedelta(minutes=2))
        assert await store.sending.claim_due(unit, later, ["email"], limit=1, lease=timedelta(minutes=2)) == []
        until = now + timedelta(minutes=2)
        assert await store.sending.intend(unit, [(lost["id"], lost["fence"], "<1>")], now, until) == set()
        await store.sending.put_back(unit, [(lost["id"], lost["fence"], now)])
        assert await store.sending.intend(unit, [(held["id"], held["fence"], "<1>")], now, until) == {held["id"]}
        assert await store.sending.settle(unit, [(lost["id"], lost["fence"], "sent", None)], now) == set()
        await store.sending.plan_again(unit, [(lost["id"], lost["fence"], now, 1)])
        assert await store.sending.settle(unit, [(held["id"], held["fence"], "sent", None)], now) == {held["id"]}


async def test_whoever_changes_a_planned_touch_takes_the_lease_away(followup_database: Database) -> None:
    """A claim is a lease and no state of its own: what was paused and goes on is not sent by who had claimed it before."""
    (id,) = await add_touches(followup_database, await add_clients(followup_database))
    now, lease = datetime.now(UTC), timedelta(minutes=2)
    async with followup_database.transaction() as unit:
        (held,) = await store.sending.claim_due(unit, now, ["email"], limit=1, lease=lease)
        row = dict(await unit.row("SELECT * FROM touch WHERE id = $1", id))
        later = row | {"due_at": now + timedelta(days=1)}
        await store.planning.move_touches(unit, [later], now)
        assert await unit.value("SELECT due_at FROM touch WHERE id = $1", id) == row["due_at"]  # a sender has it
        await store.enrolments.pause(unit, [held["enrolment_id"]], "complaint")
        await store.enrolments.resume(unit, [held["enrolment_id"]], now)
        intent = [(id, held["fence"], "<1>")]
        assert await store.sending.intend(unit, intent, now, now + lease) == set()
        assert await store.sending.settle(unit, [(id, held["fence"], "skipped", "opt_out")], now) == set()
        (held,) = await store.sending.claim_due(unit, now + timedelta(seconds=2), ["email"], limit=1, lease=timedelta(0))
        await unit.execute("UPDATE touch SET lease_until = now() - interval '1 second' WHERE id = $1", id)
        await store.planning.move_touches(unit, [later], now)
        assert await store.sending.intend(unit, [(id, held["fence"], "<1>")], now, now + lease) == set()
        assert await unit.value("SELECT due_at FROM touch WHERE id = $1", id) == later["due_at"]


async def test_what_one_of_a_couple_is_about_to_hear_counts_for_the_other(followup_database: Database) -> None:
    ada, ben = await add_clients(followup_database, 2)
    await add_touches(followup_database, [ada, ben])
    intender, now = loop_over(followup_database, Recording()).intender, datetime.now(UTC)
    async with followup_database.transaction() as unit:
        await unit.execute("UPDATE client SET household_id = $1", ada)
        both = await store.sending.claim_due(unit, now, ["email"], limit=2, lease=timedelta(minutes=2))

    async def intend(touch: Any) -> int:
        async with followup_database.transaction() as unit:
            return len(await intender.intend(unit, [touch], now))

    async with followup_database.transaction() as unit:
        assert len(await intender.intend(unit, [both[0]], now)) == 1
        other = asyncio.create_task(intend(both[1]))
        await asyncio.sleep(0.2)
        assert not other.done()  # it must see what is meant for the first
    assert await other == 1


async def test_a_stop_puts_back_at_once_what_waits_for_a_connection(followup_database: Database) -> None:
    await add_touches(followup_database, await add_clients(followup_database, 4))
    slow = Slow(size=2)
    loop = loop_over(followup_database, slow)
    async with running(loop):
        while len(loop._flying) < 4:
            await asyncio.sleep(0.01)
    assert await states(followup_database) == {("sent", None): 2, ("planned", None): 2}
    async with followup_database.reading() as unit:
        assert await unit.value("SELECT max(attempt) FROM touch WHERE state = 'planned' AND due_at <= now()") == 0


async def test_a_twin_of_what_was_sent_before_a_restore_is_not_sent(followup_database: Database) -> None:
    channel = Recording()
    (client_id,) = await add_clients(followup_database)
    await add_touches(followup_database, [client_id], subject="job-1")
    async with running(loop_over(followup_database, channel)):
        await settled(followup_database)
    async with followup_database.transaction() as unit:  # the rows are lost, the journal was rebuilt
        await unit.execute("DELETE FROM touch")
        await unit.execute("DELETE FROM enrolment")
    await add_touches(followup_database, [client_id], subject="job-1")
    async with running(loop_over(followup_database, channel)):
        assert await settled(followup_database) == {("skipped", "already_sent"): 1}
    assert len(channel.sent) == 1


async def test_a_suppressed_address_gets_nothing_whoever_has_it(followup_database: Database) -> None:
    channel = Recording()
    ids = await add_clients(followup_database, 2, email="Shared@example.net")
    async with followup_database.transaction() as unit:
        await suppress_address(unit, ADDRESSES, "email", "shared@example.net", "manual", datetime.now(UTC))
    await add_touches(followup_database, ids)
    async with running(loop_over(followup_database, channel)):
        assert await settled(followup_database) == {("skipped", "opt_out"): 2}


@pytest.mark.parametrize(("policy", "state"), [("drop", ("failed", "in_doubt")), ("resend", ("sent", None))])
async def test_without_a_witness_doubt_errs_on_the_declared_side(
    followup_database: Database, policy: str, state: tuple[str, str | None]
) -> None:
    answers = iter([Answer("doubt"), Answer("sent")])
    channel = Recording(lambda message: next(answers))
    await add_touches(followup_database, await add_clients(followup_database))
    async with followup_database.transaction() as unit:
        await unit.execute("UPDATE plan SET text = replace(text, 'on_doubt = \"drop\"', $1)", f'on_doubt = "{policy}"')
    loop = loop_over(followup_database, channel)
    async with running(loop, recover=True):
        await asyncio.sleep(0.3)
        async with followup_database.transaction() as unit:
            await unit.execute("UPDATE touch SET lease_until = now() - interval '1 minute' WHERE state = 'sending'")
        found = await settled(followup_database)
    assert found == {state: 1}
    assert len({message.content.split(b"Message-ID: ")[1].split(b"\r\n")[0] for message in channel.sent}) == 1


def test_retries_are_spread_and_end() -> None:
    now = datetime(2026, 11, 25, tzinfo=UTC)
    waits = [(retry_at("a", attempt, now) or now) - now for attempt in range(1, 6)]
    assert [round(wait.total_seconds() / 60) for wait in waits] == sorted(round(wait.total_seconds() / 60) for wait in waits)
    assert retry_at("a", 6, now) is None
    assert retry_at("a", 1, now) != retry_at("b", 1, now)


def test_a_breaker_opens_for_a_domain_that_refuses_us_and_closes_again() -> None:
    breaker, now = Breaker(), datetime(2026, 11, 25, tzinfo=UTC)
    for _ in range(30):
        breaker.note("good.example", refused=False, now=now)
        breaker.note("bad.example", refused=True, now=now)
    assert breaker.back_at("good.example", now) is None
    assert breaker.back_at("bad.example", now) is not None
    assert breaker.back_at("bad.example", now + timedelta(minutes=16)) is None


def test_complaints_warn_and_then_stop_marketing() -> None:
    assert [governor(10_000, complained) for complained in (2, 9, 10, 29, 30)] == ["go", "go", "warn", "warn", "stop"]
    assert governor(20, 1) == "go"


def test_a_day_of_a_limit_begins_in_the_zone_of_whoever_set_it() -> None:
    (limit,) = read_limits("5000/day@America/New_York")
    assert limit.window_start(datetime(2026, 11, 25, 3, tzinfo=UTC)) == datetime(2026, 11, 24, 5, tzinfo=UTC)
    with pytest.raises(ValueError, match="write each limit"):
        read_limits("a lot/day")
