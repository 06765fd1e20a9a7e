"""What users of other systems suffered from, each as a test of this one: sending, loss, opt-out, bounces, limits."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from services.followup.adapters.smtp import Answer, Mail, Smtp
from services.followup.store import sending
from shared.database import Database
from tests.services.followup.relay import scripted_relay
from tests.services.followup.sending import Recording, add_clients, add_touches, loop_over, running, settled, states
from tests.services.followup.test_inbound import hear, suppressions
from tests.services.followup.test_incoming import report
from tests.services.followup.test_pages import ONE_CLICK, browser, link

__all__ = ["browser"]
COLUMNS = (
    "enrolment_id, client_id, lead_id, plan, plan_version, step, channel, purpose, priority, local_date, local_time, zone, "
    "tzdata, expires_at, notes, state, attempt, fence"
)


async def test_pain_1_overlapping_senders_never_send_the_same_message_again(followup_database: Database) -> None:
    channel = Recording()
    await add_touches(followup_database, await add_clients(followup_database, 60))
    loops = [loop_over(followup_database, channel) for _ in range(4)]
    async with running(loops[0]), running(loops[1]), running(loops[2]), running(loops[3]):
        await settled(followup_database)
    assert Counter(channel.recipients).most_common(1)[0][1] == 1
    assert len(channel.sent) == 60


async def test_pain_2_a_stop_in_the_middle_loses_nothing(followup_database: Database) -> None:
    await add_touches(followup_database, await add_clients(followup_database, 60))
    async with scripted_relay(delay=0.05) as relay:
        for _ in range(3):  # stopped and started again while mails are in the air
            smtp = Smtp(relay.url, size=2)  # ten mails or so, of sixty
            async with running(loop_over(followup_database, smtp)):
                await asyncio.sleep(0.25)
            await smtp.close()
        async with followup_database.reading() as unit:  # what the stopped ones had claimed and not begun, anybody may take
            assert await unit.value("SELECT count(*) FROM touch WHERE state = 'planned'")
            assert not await unit.value("SELECT count(*) FROM touch WHERE state = 'planned' AND lease_until IS NOT NULL")
        smtp = Smtp(relay.url, size=4)
        async with running(loop_over(followup_database, smtp), recover=True):
            found = await settled(followup_database)
        await smtp.close()
    assert found == {("sent", None): 60}
    assert len(relay.messages) == 60


async def test_pain_4_a_claim_does_not_get_slower_with_many_planned_touches(followup_database: Database) -> None:
    ids = await add_clients(followup_database, 1)
    await add_touches(followup_database, ids, due_at=datetime.now(UTC) + timedelta(days=300))
    async with followup_database.transaction() as unit:
        await unit.execute(
            f"INSERT INTO touch (id, cycle, due_at, {COLUMNS}) SELECT gen_random_uuid(), n, due_at + n * interval '1 second', "
            f"{COLUMNS} FROM touch, generate_series(1, 20000) AS n"
        )
    async with followup_database.transaction() as unit:
        reads = "SELECT seq_scan AS whole, idx_tup_fetch AS rows FROM pg_stat_xact_user_tables WHERE relname = 'touch'"
        before = await unit.row(reads)
        assert not await sending.claim_due(unit, datetime.now(UTC), ["email"], limit=500, lease=timedelta(seconds=60))
        after = await unit.row(reads)
    assert after["whole"] == before["whole"], "it read the whole table"
    assert after["rows"] - before["rows"] < 100


async def test_pain_9_an_opt_out_is_by_purpose_and_outlives_everything(
    followup_database: Database, browser: httpx.AsyncClient
) -> None:
    (client_id,) = await add_clients(followup_database, email="ada@example.net")
    await browser.post(link(client_id), data=ONE_CLICK)
    (again,) = await add_clients(followup_database, email="ada@example.net")  # under another id, as after a re-import
    for purpose in ("service", "marketing"):
        await add_touches(followup_database, [again], purpose=purpose)
    channel = Recording()
    async with running(loop_over(followup_database, channel)):
        found = await settled(followup_database)
    assert found == {("sent", None): 1, ("skipped", "opt_out"): 1}


@pytest.mark.parametrize("refusal", ["550 5.1.1 no such user", "550 5.7.1 policy"])
async def test_pain_11_a_refusal_at_rcpt_is_not_ignored_and_a_delay_is_no_bounce(
    followup_database: Database, refusal: str
) -> None:
    (client_id,) = await add_clients(followup_database, email="ada@example.net")
    await add_touches(followup_database, [client_id])
    await hear(followup_database, report("Final-Recipient: rfc822; ada@example.net\r\nAction: delayed\r\nStatus: 4.4.1"))
    assert await suppressions(followup_database) == set()
    async with scripted_relay(answers={"RCPT": refusal}) as relay:
        smtp = Smtp(relay.url, size=1)
        async with running(loop_over(followup_database, smtp)):
            found = await settled(followup_database)
        await smtp.close()
    assert next(iter(found))[0] == "failed"
    gone = {("email", "all", "hard_bounce")}
    assert await suppressions(followup_database) == (gone if "5.1.1" in refusal else set())


async def test_pain_12_a_scanner_unsubscribes_nobody_and_one_click_does(
    followup_database: Database, browser: httpx.AsyncClient
) -> None:
    (client_id,) = await add_clients(followup_database)
    for method in ("GET", "HEAD", "OPTIONS") * 5:
        await browser.request(method, link(client_id), params=ONE_CLICK)
    assert await suppressions(followup_database) == set()
    await browser.post(link(client_id), data=ONE_CLICK)
    assert len(await suppressions(followup_database)) == 4


async def test_pain_13_a_limit_of_the_relay_costs_no_attempt_and_no_mail(followup_database: Database) -> None:
    await add_touches(followup_database, await add_clients(followup_database, 10))
    async with scripted_relay() as relay:
        smtp = Smtp(relay.url, size=2, mails_per_connection=3)
        relay.answers = {"MAIL": "421 4.7.0 too many messages in this session"}
        async with running(loop_over(followup_database, smtp)):
            await asyncio.sleep(1)
        async with followup_database.transaction() as unit:
            assert await unit.value("SELECT max(attempt) FROM touch") == 0
            await unit.execute("UPDATE touch SET due_at = now(), state = 'planned'")
        relay.answers = {}
        async with running(loop_over(followup_database, smtp)):
            assert await settled(followup_database) == {("sent", None): 10}
        await smtp.close()


async def test_pain_15_one_bad_contact_stops_nobody_else(followup_database: Database) -> None:
    for email in ("x", None, "a@b\r\nBcc: c@d", "explode@example.net"):
        await add_touches(followup_database, await add_clients(followup_database, 1, email=email))
    await add_touches(followup_database, await add_clients(followup_database, 30))

    def explode_for_one(message: Mail) -> Answer:
        if message.recipient == "explode@example.net":
            raise RuntimeError("a bug in the channel")
        return Answer("sent")

    channel = Recording(explode_for_one)
    async with running(loop_over(followup_database, channel)):
        await asyncio.sleep(1.5)
        found = await states(followup_database)
    assert found[("sent", None)] == 30
    assert found[("failed", "unsendable")] == 2
    assert found[("skipped", "no_address")] == 1
