"""Texts through a provider's stand-in with its failure modes: a text whose answer was lost goes again under its key, or never."""

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.followup import store
from services.followup.adapters.sms import Sms, Text, signature
from services.followup.adapters.smtp import Answer
from services.followup.adapters.witnesses import CallsBack, SafeToRepeat
from shared.database import Database
from tests.services.followup import provider as stand_ins
from tests.services.followup.provider import Provider
from tests.services.followup.sending import Recording, add_clients, add_touches, loop_over, running, settled, states, told
from tests.services.followup.test_inbound import TEXTS, suppressions

TEXT = Text("+14195550134", "Hello. Answer STOP to end.", "https://maple.example/inbound/sms/1", "1")
PHONE = {"phone": "+14195550134"}


@pytest.fixture
async def provider() -> AsyncIterator[tuple[Provider, Sms]]:
    async with stand_ins.provider() as (stand_in, url):
        sms = Sms(url, "+14195550100", timeout=2, key_header="Idempotency-Key")
        yield stand_in, sms
        await sms.close()


@pytest.mark.parametrize(
    ("mode", "result", "gone"),
    [
        ("ok", "sent", False),
        ("lost", "doubt", False),
        ("502", "doubt", False),
        ("409", "doubt", False),
        ("429", "busy", False),
        ("503", "busy", False),
        ("401", "busy", False),
        ("stopped", "never", True),
        ("no number", "never", True),
        ("too long", "never", False),
    ],
)
async def test_an_answer_says_whether_the_text_may_be_sent_again(
    provider: tuple[Provider, Sms], mode: str, result: str, gone: bool
) -> None:
    stand_in, sms = provider
    stand_in.mode = mode
    answer = await sms.send(TEXT)
    assert (answer.result, answer.at_recipient) == (result, gone)


async def test_a_text_says_where_it_comes_from_and_where_to_report(provider: tuple[Provider, Sms]) -> None:
    stand_in, sms = provider
    await sms.send(TEXT)
    (form,) = stand_in.accepted
    assert form == {"To": TEXT.recipient, "From": "+14195550100", "Body": TEXT.body, "StatusCallback": TEXT.callback}
    assert stand_in.authorization == "AC1:secret"


async def test_a_stop_that_only_the_provider_heard_is_one_and_start_takes_it_back(
    provider: tuple[Provider, Sms], followup_database: Database
) -> None:
    stand_in, sms = provider
    stand_in.mode = "stopped"
    (client_id,) = await add_clients(followup_database, **PHONE)
    await add_touches(followup_database, [client_id], channel="sms")
    async with running(loop_over(followup_database, sms, carries="sms")):
        assert await settled(followup_database) == {("failed", "opt_out"): 1}
    assert await suppressions(followup_database) == {("sms", "all", "stop")}
    assert [event["type"] for event in await told(followup_database)] == ["consent.revoked", "touch.failed"]
    async with followup_database.transaction() as unit:
        await store.clients.set_stopped(unit, client_id, datetime.now(UTC))  # they also told a person
        assert "again" in str(await TEXTS.hear(unit, PHONE["phone"], "START", "1", datetime.now(UTC)))
        assert (await store.clients.find(unit, client_id))["stopped_at"] is None
    assert await suppressions(followup_database) == set()


async def test_a_stop_heard_by_the_provider_is_the_clients_they_were_merged_into_meanwhile(followup_database: Database) -> None:
    loser, survivor = await add_clients(followup_database, 2, **PHONE)
    await add_touches(followup_database, [loser], channel="sms")

    class Merging(Recording):
        async def send(self, message: Any) -> Answer:
            async with followup_database.transaction() as unit:
                await unit.execute("UPDATE client SET merged_into = $2, contact = '{}' WHERE id = $1", loser, survivor)
            return Answer("never", "400 21610", 400, "", stopped=True)

    async with running(loop_over(followup_database, Merging(), carries="sms")):
        assert await settled(followup_database) == {("failed", "opt_out"): 1}
    assert await suppressions(followup_database) == {("sms", "all", "stop")}


async def test_a_text_whose_lease_has_run_out_is_not_sent(provider: tuple[Provider, Sms]) -> None:
    stand_in, sms = provider
    assert (await sms.send(replace(TEXT, not_after=time.time() + 1))).result == "again"
    assert stand_in.accepted == []


async def test_a_text_whose_answer_was_lost_goes_again_under_its_key(
    provider: tuple[Provider, Sms], followup_database: Database
) -> None:
    stand_in, sms = provider
    stand_in.mode = "lost"
    (id,) = await add_touches(followup_database, await add_clients(followup_database, **PHONE), channel="sms")
    async with running(loop_over(followup_database, sms, carries="sms", witness=SafeToRepeat()), recover=True):
        async with asyncio.timeout(10):
            while not stand_in.accepted:
                await asyncio.sleep(0.02)
        stand_in.mode = "ok"
        assert await settled(followup_database) == {("sent", None): 1}
    assert len(stand_in.accepted) == 1
    assert len(stand_in.keys) >= 2
    assert set(stand_in.keys) == {str(id)}
    assert [event["type"] for event in await told(followup_database)] == ["touch.sent"]


async def _in_doubt(database: Database, channel: str, ago: timedelta) -> None:
    """A worker meant to send and died, so long ago."""
    (id,) = await add_touches(database, await add_clients(database, **PHONE), channel=channel)
    async with database.transaction() as unit:
        await unit.execute("UPDATE plan SET text = replace(text, 'on_doubt = \"drop\"', 'on_doubt = \"resend\"')")
        await unit.execute("UPDATE touch SET state = 'sending', fence = 1, attempt = 1, message_id = id, lease_until = now()")
        await unit.execute(
            "INSERT INTO attempt (touch_id, fence, number, message_id, at) VALUES ($1, 1, 1, $3, now() - $2::interval)",
            id,
            ago,
            str(id),
        )


async def test_a_text_nobody_called_about_is_dropped_whatever_the_plan_says(followup_database: Database) -> None:
    channel = Recording()
    await _in_doubt(followup_database, "sms", timedelta(minutes=5))
    async with running(loop_over(followup_database, channel, carries="sms", witness=CallsBack()), recover=True):
        await asyncio.sleep(1)
        assert await states(followup_database) == {("sending", None): 1}  # the call may still come
        async with followup_database.transaction() as unit:
            await unit.execute("UPDATE attempt SET at = at - interval '1 hour'")
        assert await settled(followup_database) == {("failed", "in_doubt"): 1}
    assert channel.sent == []


async def test_a_key_the_other_side_has_forgotten_repeats_nothing(followup_database: Database) -> None:
    channel = Recording()
    await _in_doubt(followup_database, "sms", timedelta(hours=24))
    async with running(loop_over(followup_database, channel, carries="sms", witness=SafeToRepeat()), recover=True):
        assert await settled(followup_database) == {("failed", "in_doubt"): 1}
    assert channel.sent == []


async def test_a_repeat_that_must_wait_ends_before_its_key_is_forgotten(followup_database: Database) -> None:
    channel = Recording(lambda text: Answer("busy", "429"))
    await _in_doubt(followup_database, "sms", timedelta(hours=22))
    async with running(loop_over(followup_database, channel, carries="sms", witness=SafeToRepeat()), recover=True):
        while not channel.sent:
            await asyncio.sleep(0.02)
    async with followup_database.reading() as unit:
        assert await unit.value("SELECT expires_at < now() + interval '61 minutes' FROM touch")


async def test_a_provider_that_cannot_be_reached_took_nothing() -> None:
    answer = await Sms("http://AC1:secret@127.0.0.1:9", "+14195550100", timeout=2).send(TEXT)
    assert (answer.result, answer.for_all) == ("busy", True)


def test_a_signature_is_made_as_the_provider_documents_it() -> None:
    form: dict[str, Any] = {"To": "+18005551212", "From": "+14158675310", "Digits": "1234"}
    content = "https://maple.example/inbound/smsDigits1234From+14158675310To+18005551212"
    expected = base64.b64encode(hmac.new(b"12345", content.encode(), hashlib.sha1).digest()).decode()
    assert signature("12345", "https://maple.example/inbound/sms", form) == expected
    assert httpx.URL("https://maple.example/inbound/sms").path == "/inbound/sms"
