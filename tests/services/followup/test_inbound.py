"""What comes back has its consequence once: bounces, complaints, answers, texts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from typing import Any
from uuid import UUID

import orjson
import pytest

from services.followup.adapters.calendar_data import quiet_hours
from services.followup.adapters.incoming import read_mail
from services.followup.adapters.provider_events import Told, read_events
from services.followup.adapters.verp import Verp
from services.followup.domain.plans import REVOKED_BY_ONE_CLICK
from services.followup.scheduler.inbox import NoticeTurn
from services.followup.settings import PLAN
from services.followup.use_cases.conversations import Conversations
from services.followup.use_cases.inbound import Inbound
from services.followup.use_cases.pauses import Pauses
from services.followup.use_cases.plan_book import PlanBook
from services.followup.use_cases.planning import Planner
from services.followup.use_cases.texts import Texts
from shared.database import Database
from shared.signing import Signer
from tests.services.followup.company import Company
from tests.services.followup.sending import (
    ADDRESSES,
    SECRET,
    Recording,
    add_clients,
    add_touches,
    loop_over,
    running,
    settled,
    states,
    told,
)
from tests.services.followup.test_incoming import report

VERP = Verp(SECRET, "touches@maple.example")
SIGNER = Signer(SECRET, purpose="u")
CONVERSATIONS = Conversations(ADDRESSES, Pauses(Planner(PlanBook(PLAN), ADDRESSES, quiet_hours())))
INBOUND = Inbound(ADDRESSES, VERP, SIGNER, CONVERSATIONS)
TEXTS = Texts(ADDRESSES, CONVERSATIONS)
LATER = datetime.now(UTC) + timedelta(days=40)


STOPPED_ELSEWHERE: list[Any] = [
    [{"event": "unsubscribe", "email": "a@example.net", "sg_event_id": "x"}],
    [{"event": "group_unsubscribe", "email": "a@example.net", "sg_event_id": "x"}],
    {"event-data": {"event": "unsubscribed", "recipient": "a@example.net", "id": "x"}},
    {
        "RecordType": "SubscriptionChange",
        "Recipient": "a@example.net",
        "SuppressSending": True,
        "SuppressionReason": "ManualSuppression",
        "MessageID": "x",
    },
    {
        "eventType": "Subscription",
        "subscription": {"newTopicPreferences": {"unsubscribeAll": True}},
        "mail": {"messageId": "x", "destination": ["a@example.net"]},
    },
    {"RecordType": "Bounce", "Type": "Unsubscribe", "Email": "a@example.net", "ID": 4},
]


async def hear(database: Database, raw: bytes, at: datetime | None = None) -> str:
    async with database.transaction() as unit:
        return await INBOUND.hear_mail(unit, read_mail(raw), at or datetime.now(UTC))


async def suppressions(database: Database) -> set[tuple[str, str, str]]:
    async with database.reading() as unit:
        rows = await unit.fetch("SELECT channel, purpose, reason FROM suppression")
    return {(row["channel"], row["purpose"], row["reason"]) for row in rows}


async def notices(database: Database) -> list[Any]:
    async with database.reading() as unit:
        return await unit.fetch("SELECT subject, text, reply_to FROM notice ORDER BY due_at")


def failed(address: str, status: str = "5.1.1", words: str = "550 5.1.1 no such user") -> str:
    return f"Final-Recipient: rfc822; {address}\r\nAction: failed\r\nStatus: {status}\r\nDiagnostic-Code: smtp; {words}"


async def a_client(database: Database, **more: Any) -> tuple[UUID, UUID]:
    (client_id,) = await add_clients(database, email="ada@example.net", phone="+14195550134")
    (touch_id,) = await add_touches(
        database, [client_id], due_at=LATER, expires_at=LATER + timedelta(days=5), enrolment="active", **more
    )
    return client_id, touch_id


async def test_a_hard_bounce_ends_what_was_planned_and_a_second_one_changes_nothing(followup_database: Database) -> None:
    await a_client(followup_database)
    assert await hear(followup_database, report(failed("Ada@Example.net"))) == "bounce"
    assert await suppressions(followup_database) == {("email", "all", "hard_bounce")}
    assert await states(followup_database) == {("skipped", "hard_bounce"): 1}
    assert await hear(followup_database, report(failed("Ada@Example.net"))) == "known"
    assert len(await told(followup_database)) == 1


@pytest.mark.parametrize(
    ("status", "words"), [("5.2.2", "552 5.2.2 mailbox full"), ("5.7.1", "550 5.7.1 looks like spam"), ("4.4.7", "expired")]
)
async def test_another_bounce_suppresses_nothing_at_once(followup_database: Database, status: str, words: str) -> None:
    await a_client(followup_database)
    await hear(followup_database, report(failed("ada@example.net", status, words)))
    assert await suppressions(followup_database) == set()
    assert await states(followup_database) == {("planned", None): 1}


async def test_three_soft_bounces_in_a_month_let_the_mailbox_rest_and_a_delivery_wipes_them_out(
    followup_database: Database,
) -> None:
    await a_client(followup_database)
    now = datetime.now(UTC)
    soft = [report(failed("ada@example.net", "5.2.2", f"552 5.2.2 mailbox full {number}")) for number in range(6)]
    for day in (0, 1):
        await hear(followup_database, soft[day], now + timedelta(days=day))
    delivered = orjson.dumps({"RecordType": "Delivery", "Recipient": "ada@example.net", "MessageID": "1"})
    async with followup_database.transaction() as unit:
        await INBOUND.hear_event(unit, read_events(delivered)[0], now + timedelta(days=2))
    for day in (3, 4):
        await hear(followup_database, soft[day], now + timedelta(days=day))
        assert await suppressions(followup_database) == set()
    await hear(followup_database, soft[5], now + timedelta(days=5))
    assert await suppressions(followup_database) == {("email", "all", "mailbox_full")}
    assert await states(followup_database) == {("planned", None): 1}  # after the rest it may go on


async def test_a_bounce_to_our_own_address_for_a_touch_needs_no_name(followup_database: Database) -> None:
    _, touch_id = await a_client(followup_database)
    raw = (
        f"From: MAILER-DAEMON@mx.example.net\nTo: {VERP.address('b', touch_id).upper()}\nSubject: failure notice\n\n"
        "I could not deliver it to your friend.\n550 5.1.1 user unknown\n"
    )
    assert await hear(followup_database, raw.encode()) == "bounce"
    assert await suppressions(followup_database) == {("email", "all", "hard_bounce")}


@pytest.mark.parametrize("how", ["report", "provider bounce", "provider complaint", "feedback"])
async def test_an_address_outside_ascii_is_known_by_its_name_on_the_wire(followup_database: Database, how: str) -> None:
    await add_clients(followup_database, email="ada@exämple.net")
    wire = "ada@xn--exmple-cua.net"
    if how == "report":
        await hear(followup_database, report(failed(wire)))
    elif how == "feedback":
        await hear(followup_database, ARF.format(kind="abuse", named=f"Original-Rcpt-To: {wire}\n", ours="", link="").encode())
    else:
        told_of = Told("bounce" if how == "provider bounce" else "complaint", wire, "x:1", "hard")
        async with followup_database.transaction() as unit:
            await INBOUND.hear_event(unit, told_of, datetime.now(UTC))
    async with followup_database.reading() as unit:
        found = {row["address_hash"] for row in await unit.fetch("SELECT address_hash FROM suppression")}
    assert found == {ADDRESSES.of("ada@exämple.net")}


async def test_a_bounce_of_our_own_copy_says_nothing_of_the_client(followup_database: Database) -> None:
    """The journal mailbox is in the same transaction as the client, so its bounces come to the touch's address, too."""
    _, touch_id = await a_client(followup_database)
    raw = to(VERP.address("b", touch_id), report(failed("Journal@maple.example")))
    async with followup_database.transaction() as unit:
        inbound = replace(INBOUND, journal="journal@maple.example")
        assert await inbound.hear_mail(unit, read_mail(raw), datetime.now(UTC)) == "bounce"
    assert await suppressions(followup_database) == set()


def to(address: str, raw: bytes) -> bytes:
    """A report as it comes to an address of ours."""
    return raw.replace(b"To: bounces@example.com", f"To: {address}".encode(), 1)


def test_an_address_of_ours_cannot_be_made_by_others() -> None:
    touch_id = UUID("01930000-0000-7000-8000-000000000001")
    address = VERP.address("b", touch_id)
    assert VERP.read(address) == ("b", touch_id)
    assert len(address.split("@")[0]) <= 64
    assert Verp(b"another secret", "touches@maple.example").read(address) is None
    assert VERP.read(address.replace("+b", "+u")) is None
    assert VERP.read(f"touches+b{'a' * 26}-{'ſ' * 13}@maple.example") is None  # an s to whoever ignores case


ARF = (
    "From: fbl@example.net\nTo: abuse@maple.example\nMIME-Version: 1.0\n"
    'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\n\n'
    "--b\nContent-Type: text/plain\n\nA report.\n--b\nContent-Type: message/feedback-report\n\n"
    "Feedback-Type: {kind}\n{named}Version: 1\n"
    "--b\nContent-Type: message/rfc822\n\n{ours}Subject: Hello\n\nHello {link}\n--b--\n"
)


@pytest.mark.parametrize("how", ["named", "message-id", "link"])
async def test_a_complaint_finds_its_client_even_where_the_name_is_hidden(followup_database: Database, how: str) -> None:
    client_id, touch_id = await a_client(followup_database, purpose="marketing")
    named = "Original-Rcpt-To: ada@example.net\n" if how == "named" else "Original-Rcpt-To: redacted\n"
    ours = f"Message-ID: <{touch_id}@maple.example>\n" if how == "message-id" else ""
    link = f"https://maple.example/u/{SIGNER.sign(f'{client_id}:email')}" if how == "link" else ""
    raw = ARF.format(kind="abuse", named=named, ours=ours, link=link).encode()
    assert await hear(followup_database, raw) == "complaint"
    assert await hear(followup_database, raw) == "known"
    revoked = [event["purpose"] for event in await told(followup_database) if event["type"] == "consent.revoked"]
    assert sorted(revoked) == ["marketing", "newsletter", "referral", "review"]
    assert ("email", "marketing", "complaint") in await suppressions(followup_database)
    assert await states(followup_database) == {("skipped", "opt_out"): 1}


async def test_a_report_that_is_no_complaint_changes_nothing(followup_database: Database) -> None:
    await a_client(followup_database)
    raw = ARF.format(kind="not-spam", named="Original-Rcpt-To: ada@example.net\n", ours="", link="")
    await hear(followup_database, raw.encode())
    assert await suppressions(followup_database) == set()


def answer(text: str, **headers: str) -> bytes:
    lines = {"From": "Ada Case <ada@example.net>", "To": "touches@maple.example", "Subject": "Re: Hello", **headers}
    return ("".join(f"{name}: {value}\n" for name, value in lines.items()) + f"\n{text}\n").encode()


async def test_an_automatic_answer_changes_nothing(followup_database: Database) -> None:
    await a_client(followup_database)
    assert await hear(followup_database, answer("I am away.", **{"Auto-Submitted": "auto-replied"})) == "automatic"
    assert await notices(followup_database) == []
    assert await told(followup_database) == []


async def test_a_person_is_read_by_a_person_and_their_plan_waits(followup_database: Database) -> None:
    client_id, touch_id = await a_client(followup_database)
    raw = answer("The tap drips again.\n\nOn Tue, Joe wrote:\n> hello", To=VERP.address("r", touch_id), From="ada@work.example")
    assert await hear(followup_database, raw) == "reply"
    (notice,) = await notices(followup_database)
    assert "The tap drips again." in notice["text"]
    assert "hello" not in notice["text"]
    assert notice["reply_to"] == "ada@work.example"
    assert await states(followup_database) == {("paused", "conversation.open"): 1}
    (event,) = await told(followup_database)
    assert (event["type"], event["client_id"], event["touch_id"]) == ("reply.received", str(client_id), str(touch_id))
    assert "tap" not in str(event)


@pytest.mark.parametrize(
    ("subject", "words", "shown"),
    [
        ("Re: Hello", "please don't write to me any more", "please don't write"),
        ("Re: Hello", "Stop\n\nAda", "Stop\n\nAda"),
        ("Re: Hello", "Stop it.", "Stop it."),
        ("Re: Hello", "Please cancel my subscription", "cancel my subscription"),
        ("Unsubscribe", "", "Unsubscribe"),
        ("Re: stop", "> Hello", "Re: stop"),
    ],
)
async def test_stop_in_any_words_is_obeyed_and_shown_to_a_person(
    followup_database: Database, subject: str, words: str, shown: str
) -> None:
    await a_client(followup_database, purpose="marketing")
    await hear(followup_database, answer(words, Subject=subject))
    assert ("email", "marketing", "replied stop") in await suppressions(followup_database)
    (notice,) = await notices(followup_database)
    assert "This may mean: stop" in notice["text"]
    assert shown in notice["text"]
    assert await states(followup_database) == {("skipped", "opt_out"): 1}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Auto-Submitted": "auto-replied", "X-Apple-Unsubscribe": "true"},  # Apple Mail's button
        {"Auto-Submitted": "auto-generated"},
        {"Return-Path": "<>"},
        {"Precedence": "bulk"},
        {"From": "no-reply@example.net"},
        {"From": "MAILER-DAEMON@mx.example.net", "Subject": "failure notice"},
    ],
)
async def test_a_mailed_stop_is_a_click(followup_database: Database, headers: dict[str, str]) -> None:
    _, touch_id = await a_client(followup_database)
    stop = answer("550 5.1.1 ann@example.net: user unknown", To=VERP.address("u", touch_id), **{"Subject": "stop", **headers})
    assert await hear(followup_database, stop) == "reply"
    assert ("email", "marketing", "unsubscribed") in await suppressions(followup_database)
    assert await hear(followup_database, stop) == "known"


@pytest.mark.parametrize(
    "words", ["Call any time, he did well.\n\nAda Case\n419-555-0199", "Tell my sister to try +1 419 555 0134, I am at work."]
)
async def test_who_names_themselves_is_no_lead(followup_database: Database, words: str) -> None:
    _, touch_id = await a_client(followup_database)
    await hear(followup_database, answer(words, To=VERP.address("r", touch_id)))
    assert [event["type"] for event in await told(followup_database)] == ["reply.received"]


@pytest.mark.parametrize("sender", ["a@[b", "a@", "=?utf-8?q?x?=@y.z", ":@:", "a(b@c", "x@y@z", "jörg@exämple.de", "a@b.c"])
async def test_whatever_a_stranger_calls_themselves_their_mail_reaches_a_person(followup_database: Database, sender: str) -> None:
    await hear(followup_database, f"From: {sender}\nSubject: Hello\n\nDo you mend roofs?\n".encode())
    recording = Recording()
    await NoticeTurn(followup_database, recording).turn()  # type: ignore[arg-type]
    (mail,) = recording.sent
    assert b"Do you mend roofs?" in mail.content
    assert await notices(followup_database) == []


@pytest.mark.parametrize("name", ["=?utf-8?q?=0D=0ABcc:_eve=40x.example?=", "=?utf-8?q?=0D=0A=0D=0Agone?=", "Ädà", "a" * 150])
async def test_a_clients_name_is_no_header_of_a_mail_to_ourselves(followup_database: Database, name: str) -> None:
    await add_clients(followup_database, email="ada@example.net", first_name=name)
    await hear(followup_database, b"From: ada@example.net\n\nThe tap drips.\n.\nStill.\n")
    recording = Recording()
    await NoticeTurn(followup_database, recording).turn()  # type: ignore[arg-type]
    mail = message_from_bytes(recording.sent[0].content, policy=policy.SMTP)
    assert mail["Bcc"] is None
    assert mail["Reply-To"] == "ada@example.net"
    assert abs(mail["Date"].datetime - datetime.now(UTC)) < timedelta(minutes=1)
    assert mail["Subject"] == f"{name} Case answered by email"
    assert "The tap drips.\n.\nStill." in mail.get_content().replace("\r\n", "\n")


async def test_where_the_agreement_names_no_address_of_ours_every_mail_waits(followup_database: Database) -> None:
    await Company(followup_database).agree(company='sender = "Rapid Plumbing"')
    (client_id,) = await add_clients(followup_database, email="ada@example.net")
    await add_touches(followup_database, [client_id], purpose="marketing")
    recording = Recording()
    async with running(loop_over(followup_database, recording)):
        assert await settled(followup_database) == {("planned", None): 1}
    await hear(followup_database, b"From: ada@example.net\n\nThe tap drips.\n")
    await NoticeTurn(followup_database, recording).turn()  # type: ignore[arg-type]
    assert recording.sent == []
    assert len(await notices(followup_database)) == 1


async def test_somebody_they_name_is_a_lead_and_a_task_for_a_person(followup_database: Database) -> None:
    client_id, _ = await a_client(followup_database)
    await hear(followup_database, answer("Please call my sister Ann Lee, 419-555-0199."))
    (referral,) = [event for event in await told(followup_database) if event["type"] == "referral.received"]
    assert referral["contact"]["phone"] == "+14195550199"
    assert (referral["contact"]["first_name"], referral["client_id"]) == ("Ann", str(client_id))
    assert "a person should call" in (await notices(followup_database))[0]["text"]


async def text(database: Database, body: str, sid: str, sender: str = "+14195550134") -> str | None:
    async with database.transaction() as unit:
        return await TEXTS.hear(unit, sender, body, sid, datetime.now(UTC))


async def test_stop_ends_every_text_and_is_confirmed_once(followup_database: Database) -> None:
    await a_client(followup_database, channel="sms")
    assert "no more texts" in (await text(followup_database, "STOP", "SM1") or "")
    assert await text(followup_database, "STOP", "SM1") is None  # the same one again
    assert await text(followup_database, "Stop.", "SM2") is None  # one confirmation, no more
    assert await suppressions(followup_database) == {("sms", "all", "stop")}
    assert await states(followup_database) == {("skipped", "opt_out"): 1}
    assert "Answer STOP at any time" in (await text(followup_database, "START", "SM3") or "")
    assert await suppressions(followup_database) == set()
    assert "no more texts" in (await text(followup_database, "STOP", "SM4") or "")
    assert [event["type"] for event in await told(followup_database)].count("consent.revoked") == 2


@pytest.mark.parametrize("words", ["Stop\n\nAda", "Stop it.", "Please cancel my subscription", "STOP. Who is this?"])
async def test_stop_in_a_texts_own_words_is_obeyed_and_shown_to_a_person(followup_database: Database, words: str) -> None:
    await a_client(followup_database, channel="sms")
    assert "no more texts" in (await text(followup_database, words, "SM1") or "")
    assert ("sms", "all", "stop") in await suppressions(followup_database)
    assert "This may mean: stop" in (await notices(followup_database))[0]["text"]


@pytest.mark.parametrize("words", ["Stop by on Friday", "please do not stop", "cancel my appointment"])
async def test_a_text_that_only_holds_the_word_stops_nothing(followup_database: Database, words: str) -> None:
    await a_client(followup_database, channel="sms")
    assert await text(followup_database, words, "SM1") is None
    assert await suppressions(followup_database) == set()


async def test_an_address_nobody_has_can_say_stop_as_well(followup_database: Database) -> None:
    """Somebody writes from another address than we write to, or before they are a client."""
    await hear(followup_database, answer("Stop", From="Ada <Ada.Elsewhere@example.org>"))
    assert await suppressions(followup_database) == {("email", one, "replied stop") for one in REVOKED_BY_ONE_CLICK}
    async with followup_database.reading() as unit:
        digest = ADDRESSES.of("ada.elsewhere@example.org")
        assert {row["address_hash"] for row in await unit.fetch("SELECT address_hash FROM suppression")} == {digest}
    assert len(await notices(followup_database)) == 1


async def test_a_number_nobody_has_can_say_stop_as_well(followup_database: Database) -> None:
    assert "no more texts" in (await text(followup_database, "quit", "SM9", sender="+14195550100") or "")
    assert await suppressions(followup_database) == {("sms", "all", "stop")}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            {
                "notificationType": "Bounce",
                "bounce": {
                    "bounceType": "Permanent",
                    "feedbackId": "1",
                    "bouncedRecipients": [{"emailAddress": "a@example.net"}],
                },
            },
            ("bounce", "hard"),
        ),
        (
            {
                "Message": '{"notificationType":"Complaint","complaint":'
                '{"complainedRecipients":[{"emailAddress":"a@example.net"}]}}'
            },
            ("complaint", "unclear"),
        ),
        (
            [{"event": "bounce", "email": "a@example.net", "reason": "550 5.1.1 unknown user", "status": "5.1.1"}],
            ("bounce", "hard"),
        ),
        ([{"event": "bounce", "type": "blocked", "email": "a@example.net", "reason": "550 blocked"}], ("bounce", "blocked")),
        (
            {"event-data": {"event": "failed", "severity": "temporary", "recipient": "a@example.net", "id": "x"}},
            ("bounce", "soft"),
        ),
        ({"RecordType": "Bounce", "Type": "HardBounce", "Email": "a@example.net", "ID": 1}, ("bounce", "hard")),
        ({"RecordType": "SpamComplaint", "Email": "a@example.net", "ID": 2}, ("complaint", "unclear")),
        *((event, ("unsubscribed", "unclear")) for event in STOPPED_ELSEWHERE),
    ],
)
def test_providers_say_the_same_in_their_own_shapes(event: Any, expected: tuple[str, str]) -> None:
    (found,) = read_events(orjson.dumps(event))
    assert (found.kind, found.verdict, found.address) == (*expected, "a@example.net")


@pytest.mark.parametrize("event", STOPPED_ELSEWHERE)
async def test_a_stop_by_a_link_of_the_providers_own_is_a_stop(followup_database: Database, event: Any) -> None:
    await a_client(followup_database, purpose="marketing")
    body = orjson.dumps(event).replace(b"a@example.net", b"ada@example.net")
    for _ in range(2):
        async with followup_database.transaction() as unit:
            for one in read_events(body):
                await INBOUND.hear_event(unit, one, datetime.now(UTC))
    assert await suppressions(followup_database) == {("email", one, "unsubscribed") for one in REVOKED_BY_ONE_CLICK}
    assert await states(followup_database) == {("skipped", "opt_out"): 1}
    assert [event["type"] for event in await told(followup_database)] == ["touch.skipped", *["consent.revoked"] * 4]


def test_a_machine_that_answers_is_no_bounce_and_a_mailbox_that_is_opened_again_no_stop() -> None:
    assert read_events(b'{"RecordType": "Bounce", "Type": "AutoResponder", "Email": "a@example.net", "ID": 3}') == []
    assert read_events(b'{"RecordType": "SubscriptionChange", "Recipient": "a@example.net", "SuppressSending": false}') == []


@pytest.mark.parametrize("body", [b"", b"[]x", b'"text"', b'{"a": 1}', b"[1]"])
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        read_events(body)
