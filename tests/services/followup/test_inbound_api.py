"""The doors for what comes back: a mail from a relay's pipe, a provider's events, and texts signed by their provider."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest
from fastapi import FastAPI

from services.followup.adapters.sms import signature
from services.followup.api.inbound import inbound_routes
from services.followup.main import build
from services.followup.settings import Settings
from shared import http as edge
from shared.database import Database
from shared.security import KeyRing
from tests.services.followup.sending import states, told
from tests.services.followup.test_inbound import INBOUND, TEXTS, a_client, failed, suppressions
from tests.services.followup.test_incoming import report

TOKEN, BASE = "the text provider's token", "https://maple.example"
KEY = {"Authorization": "Bearer lh_key"}


@pytest.fixture
async def door(followup_database: Database, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    (tmp_path / "key").write_text("lh_key")
    app = FastAPI()
    edge.install(app)
    settings = Settings(sms_token=TOKEN, public_base_url=BASE)
    keys = KeyRing(tmp_path / "key", followup_database)
    app.include_router(inbound_routes(settings, followup_database, keys, INBOUND, TEXTS))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://followup") as client:
        yield client


async def test_a_bounce_from_a_pipe_ends_what_was_planned_and_a_repeat_is_known(
    door: httpx.AsyncClient, followup_database: Database
) -> None:
    await a_client(followup_database)
    raw = report(failed("ada@example.net"))
    assert (await door.post("/inbound/mail", content=raw)).status_code == 401
    first, second = [await door.post("/inbound/mail", content=raw, headers=KEY) for _ in range(2)]
    assert first.json()["kind"] != "known"
    assert second.json() == {"kind": "known"}
    assert await suppressions(followup_database) == {("email", "all", "hard_bounce")}


async def test_a_providers_events_are_heard_and_nonsense_is_refused(door: httpx.AsyncClient, followup_database: Database) -> None:
    await a_client(followup_database)
    event = {
        "notificationType": "Complaint",
        "complaint": {"feedbackId": "1", "complainedRecipients": [{"emailAddress": "ada@example.net"}]},
    }
    assert (await door.post("/inbound/events", content=orjson.dumps(event))).status_code == 401
    assert (await door.post("/inbound/events", content=orjson.dumps(event), headers=KEY)).json() == {"events": 1}
    assert {reason for _, _, reason in await suppressions(followup_database)} == {"complaint"}
    for nonsense in (b"", b"[", b"{}", b"[1]", b"null", b"\xff"):
        answer = await door.post("/inbound/events", content=nonsense, headers=KEY)
        assert answer.status_code == 422, nonsense
        assert "mail provider" in answer.json()["detail"]


async def test_a_stop_with_a_photo_is_heard_and_of_too_many_events_none(new_database: Any, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("lh_key")
    service = build(Settings(database_url=await new_database("followup"), local_dir=tmp_path, api_key_file=tmp_path / "key"))
    photo = b"From: a@example.net\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nStop\n--b\nContent-Type: image/png\n\n"
    events = [{"event": "unsubscribe", "email": "a@example.net", "sg_event_id": str(number)} for number in range(1_001)]
    await service.database.open()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(service.app), base_url="http://followup", headers=KEY) as door:
        assert (await door.post("/inbound/mail", content=photo + b"x" * 400_000)).json() == {"kind": "reply"}
        answer = await door.post("/inbound/events", content=orjson.dumps(events) + b" " * 400_000)
        assert (answer.status_code, "smaller batches" in answer.json()["detail"]) == (413, True)
        assert (await door.post("/inbound/sms", content=b"x" * 400_000)).status_code == 413
    await service.database.close()


async def test_a_text_is_heard_only_with_its_providers_signature(door: httpx.AsyncClient, followup_database: Database) -> None:
    _, touch_id = await a_client(followup_database, channel="sms")
    form = {"From": "+14195550134", "Body": "STOP", "MessageSid": "SM1"}
    another = signature("another token", f"{BASE}/inbound/sms", form)
    for wrong in ({}, {"X-Twilio-Signature": another}, {"X-Twilio-Signature": b"\xff\xe9"}):
        assert (await door.post("/inbound/sms", data=form, headers=wrong)).status_code == 403
    assert await suppressions(followup_database) == set()
    signed = {"X-Twilio-Signature": signature(TOKEN, f"{BASE}/inbound/sms", form)}
    answer = await door.post("/inbound/sms", data=form, headers=signed)
    assert "<Message>" in answer.text
    assert await suppressions(followup_database) == {("sms", "all", "stop")}
    assert await states(followup_database) == {("skipped", "opt_out"): 1}
    assert (await door.post("/inbound/sms", data=form | {"From": "+14195550199"}, headers=signed)).status_code == 403
    await _status(door, followup_database, touch_id)


async def test_a_call_about_a_text_settles_a_lost_answer(door: httpx.AsyncClient, followup_database: Database) -> None:
    _, touch_id = await a_client(followup_database, channel="sms")
    async with followup_database.transaction() as unit:
        await unit.execute("UPDATE touch SET state = 'sending', message_id = id::text, lease_until = now()")
    await _status(door, followup_database, touch_id)
    assert await states(followup_database) == {("sent", None): 1}
    assert [event["type"] for event in await told(followup_database)] == ["touch.sent"]
    async with followup_database.reading() as unit:
        assert await unit.value("SELECT told_by FROM sent WHERE touch_id = $1", touch_id) == "provider"


@pytest.mark.parametrize(("code", "ends"), [("30006", True), ("30005", True), ("30003", False), ("", False)])
async def test_a_number_that_takes_no_texts_gets_none_again(
    door: httpx.AsyncClient, followup_database: Database, code: str, ends: bool
) -> None:
    _, touch_id = await a_client(followup_database, channel="sms")
    form = {"MessageSid": "SM3", "MessageStatus": "undelivered", "To": "+14195550134", "ErrorCode": code}
    path = f"/inbound/sms/{touch_id}"
    signed = {"X-Twilio-Signature": signature(TOKEN, f"{BASE}{path}", form)}
    assert (await door.post(path, data=form, headers=signed)).status_code == 204
    assert await suppressions(followup_database) == ({("sms", "all", "hard_bounce")} if ends else set())
    assert await states(followup_database) == {("skipped", "hard_bounce") if ends else ("planned", None): 1}


@pytest.mark.parametrize("odd", ["a\x00b", "\ud800", "x" * 5000, "\u202e😀"])
async def test_whatever_comes_back_is_heard_or_refused(door: httpx.AsyncClient, followup_database: Database, odd: str) -> None:
    await a_client(followup_database)
    raw = odd.encode("utf-8", "surrogatepass")
    reply = b"From: ada@example.net\r\nTo: us@maple.example\r\nMessage-ID: <%s>\r\nSubject: Re: %s\r\n\r\nThank you, %s." % (
        raw,
        raw,
        raw,
    )
    for mail in (reply, reply.replace(b"ada@", raw + b"ada@"), report(failed(f"{odd}ada@example.net").replace("\ud800", "?"))):
        assert (await door.post("/inbound/mail", content=mail, headers=KEY)).status_code == 200, mail
    told = json.dumps(odd).encode()
    recipient = b'{"emailAddress": %s, "diagnosticCode": %s}' % (told, told)
    bounce = b'{"bounceType": "Permanent", "feedbackId": %s, "bouncedRecipients": [%s]}' % (told, recipient)
    event = b'{"notificationType": "Bounce", "bounce": %s, "mail": {"messageId": %s}}' % (bounce, told)
    answer = await door.post("/inbound/events", content=event, headers=KEY)
    assert answer.status_code in (200, 422), answer.text
    form = {"From": "+14195550134", "Body": odd.replace("\ud800", "?"), "MessageSid": odd.replace("\ud800", "?")}
    signed = {"X-Twilio-Signature": signature(TOKEN, f"{BASE}/inbound/sms", form)}
    assert (await door.post("/inbound/sms", data=form, headers=signed)).status_code == 200


async def _status(door: httpx.AsyncClient, database: Database, touch_id: UUID) -> None:
    """What became of a text: signed for its own address, kept once."""
    form, path = {"MessageSid": "SM2", "MessageStatus": "delivered"}, f"/inbound/sms/{touch_id}"
    assert (await door.post(path, data=form)).status_code == 403
    signed = {"X-Twilio-Signature": signature(TOKEN, f"{BASE}{path}", form)}
    for _ in range(2):
        assert (await door.post(path, data=form, headers=signed)).status_code == 204
    async with database.reading() as unit:
        assert await unit.value("SELECT count(*) FROM delivery_fact WHERE touch_id = $1 AND kind = 'delivered'", touch_id) == 1
