"""Links in our messages: looking changes nothing, one press does, and a second one does no harm."""

import base64
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import quote_plus
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from services.followup import pages, store
from services.followup.adapters.incoming import read_mail
from services.followup.adapters.provider_events import Told
from services.followup.domain.plans import PURPOSES, REVOKED_BY_ONE_CLICK
from services.followup.use_cases.clients import Clients
from services.followup.use_cases.consent import grant, revoke, suppress_address, unsubscribe
from services.followup.use_cases.enrol import Enroller
from services.followup.use_cases.merge import Merges
from services.followup.use_cases.reach import reach
from services.followup.use_cases.tell import set_address
from shared import events, http
from shared.database import Database
from shared.envelope import Received
from tests.services.followup.sending import (
    ADDRESSES,
    Recording,
    add_clients,
    add_touches,
    loop_over,
    running,
    settled,
    states,
    told,
)
from tests.services.followup.test_inbound import (
    CONVERSATIONS,
    INBOUND,
    LATER,
    SIGNER,
    VERP,
    answer,
    failed,
    notices,
    suppressions,
)
from tests.services.followup.test_inbound import hear as hear_mail
from tests.services.followup.test_incoming import report

PAUSES = CONVERSATIONS.pauses
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@contextlib.asynccontextmanager
async def browsing(database: Database, *, texts: bool) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    http.install(app)
    app.add_middleware(http.Edge)
    pages.add_routes(app, database, SIGNER, ADDRESSES, PAUSES, texts=texts)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://maple.example") as client:
        yield client


@pytest.fixture
async def browser(followup_database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with browsing(followup_database, texts=True) as client:
        yield client


async def a_client(database: Database, **more: object) -> tuple[UUID, UUID]:
    (client_id,) = await add_clients(database, email="ada@example.net", phone="+14195550134", address="12 Elm St, Toledo OH")
    touch = {"purpose": "marketing", "due_at": LATER, "expires_at": LATER + timedelta(days=5), **more}
    (touch_id,) = await add_touches(database, [client_id], **touch)
    return client_id, touch_id


def link(client_id: UUID) -> str:
    return f"/u/{SIGNER.sign(f'{client_id}:email')}"


async def revocations(database: Database) -> list[str]:
    return sorted(event["purpose"] for event in await told(database) if event["type"] == "consent.revoked")


@pytest.mark.parametrize(
    "how",
    [
        {"data": ONE_CLICK},
        {"files": {"List-Unsubscribe": (None, "One-Click")}},
        {"data": ONE_CLICK, "headers": {"origin": "https://mail.example.org", "user-agent": ""}},
        {"content": b""},
    ],
)
async def test_one_click_suppresses_before_it_answers_and_says_so_once(
    followup_database: Database, browser: httpx.AsyncClient, how: dict[str, object]
) -> None:
    client_id, _ = await a_client(followup_database)
    for _ in range(3):
        answer = await browser.post(link(client_id), **how)  # type: ignore[arg-type]
        assert (answer.status_code, answer.has_redirect_location) == (200, False)
        assert ("email", "marketing", "unsubscribed") in await suppressions(followup_database)
    assert await revocations(followup_database) == ["marketing", "newsletter", "referral", "review"]
    assert await states(followup_database) == {("skipped", "opt_out"): 1}


@pytest.mark.parametrize(
    ("before", "purposes"), [("hard_bounce", ["all"]), ("erased", REVOKED_BY_ONE_CLICK), ("another", REVOKED_BY_ONE_CLICK)]
)
async def test_a_stop_is_theirs_whatever_is_suppressed_already(
    followup_database: Database, before: str, purposes: Sequence[str]
) -> None:
    one, another = await add_clients(followup_database, 2, email="ada@example.net")
    async with followup_database.transaction() as unit:
        client, now = await store.clients.lock(unit, one), datetime.now(UTC)
        if before == "another":
            await unsubscribe(unit, ADDRESSES, await store.clients.lock(unit, another), "email", now)
        else:
            await suppress_address(unit, ADDRESSES, "email", "ada@example.net", before, now)
        for _ in range(2):
            await revoke(unit, ADDRESSES, client, "email", purposes, "asked", now)
        said = await unit.fetch("SELECT purpose FROM consent_event WHERE client_id = $1 AND NOT granted", one)
        assert {row["purpose"] or "all" for row in said} == set(purposes)
        assert len(said) == len(purposes)
    heard = [event for event in await told(followup_database) if event.get("person_id") == str(one)]
    assert [event["type"] for event in heard] == ["consent.revoked"] * len(purposes)


async def test_a_stop_of_somebody_a_restored_backup_does_not_know_yet_is_kept(
    followup_database: Database, browser: httpx.AsyncClient
) -> None:
    (known,) = await add_clients(followup_database, email="ada@example.net")
    assert (await browser.post(link(unknown := uuid4()), data=ONE_CLICK)).status_code == 200
    mailed = f"From: eve@example.net\nTo: {VERP.address('u', uuid4())}\nAuto-Submitted: auto-replied\nSubject: stop\n\n"
    async with followup_database.transaction() as unit:
        for raw in (mailed, mailed.replace("eve", "ada")):
            await INBOUND.hear_mail(unit, read_mail(raw.encode()), datetime.now(UTC))
    async with followup_database.transaction() as unit:
        rows = await unit.fetch("SELECT client_id, purpose FROM consent_event WHERE NOT granted")
        assert {(row["client_id"], row["purpose"]) for row in rows} == {
            (client, purpose) for client in (unknown, known) for purpose in REVOKED_BY_ONE_CLICK
        }
        for who in ("ada@example.net", "eve@example.net"):
            assert len(await store.consent.all_suppressed(unit, [ADDRESSES.of(who)], datetime.now(UTC))) == 4


async def test_mail_about_their_own_job_goes_on_after_one_click(followup_database: Database, browser: httpx.AsyncClient) -> None:
    client_id, _ = await a_client(followup_database)
    await browser.post(link(client_id), data=ONE_CLICK)
    await add_touches(followup_database, [client_id], purpose="service")
    channel = Recording()
    async with running(loop_over(followup_database, channel)):
        await settled(followup_database)
    assert channel.recipients == ["ada@example.net"]


async def test_a_scanner_that_looks_at_everything_changes_nothing(
    followup_database: Database, browser: httpx.AsyncClient
) -> None:
    client_id, touch_id = await a_client(followup_database)
    token = SIGNER.sign(f"{client_id}:email:{touch_id}")
    for path in (link(client_id), f"{link(client_id)}/preferences", f"/r/{token}", f"/m/{token}", f"/s/{token}"):
        for method in ("GET", "HEAD", "OPTIONS", "GET"):
            answer = await browser.request(method, path, params={"List-Unsubscribe": "One-Click", "level": "nothing", "score": 1})
            assert answer.status_code in (200, 405)
        assert 'method="post"' in (await browser.get(path)).text
    assert await suppressions(followup_database) == set()
    assert await told(followup_database) == []


async def test_a_link_with_one_character_changed_does_nothing(followup_database: Database, browser: httpx.AsyncClient) -> None:
    client_id, _ = await a_client(followup_database)
    token = link(client_id).removeprefix("/u/")
    assert "ada" not in token
    assert b"ada@" not in base64.urlsafe_b64decode(token.partition(".")[0] + "==")
    for place in range(len(token)):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        answer = await browser.post(f"/u/{changed}", data=ONE_CLICK)
        assert answer.status_code == 404
    assert await suppressions(followup_database) == set()


async def test_a_click_after_erasure_makes_nobody_again(followup_database: Database, browser: httpx.AsyncClient) -> None:
    client_id, _ = await a_client(followup_database)
    await hear(followup_database, events.PersonErased(lead_id=client_id, person_id=client_id))
    assert (await browser.post(link(client_id), data=ONE_CLICK)).status_code == 200
    assert (await browser.get(f"{link(client_id)}/preferences")).status_code == 410
    async with followup_database.reading() as unit:
        row = await unit.row("SELECT contact, erased FROM client WHERE id = $1", client_id)
    assert (row["contact"], row["erased"]) == ({}, True)


async def hear(database: Database, event: events.Event, at: datetime | None = None) -> None:
    now = at or datetime.now(UTC)
    clients, merges = Clients(Enroller(PAUSES), PAUSES, ADDRESSES), Merges(PAUSES, ADDRESSES)
    handlers = {
        events.PersonErased: clients.erase,
        events.PersonMerged: merges.merge_persons,
        events.ConsentRevoked: clients.hear_revocation,
        events.ConsentGranted: clients.hear_grant,
        events.LeadWon: clients.create_client,
    }
    async with database.transaction() as unit:
        await handlers[type(event)](unit, [Received("t", "", str(id(event)), "/t", event, now, None)], now)  # type: ignore[index]


async def test_erasure_keeps_the_suppression_and_a_later_event_revives_nothing(
    followup_database: Database, browser: httpx.AsyncClient
) -> None:
    client_id, _ = await a_client(followup_database)
    await browser.post(link(client_id), data=ONE_CLICK)
    await hear(followup_database, events.PersonErased(lead_id=client_id, person_id=client_id))
    assert ("email", "marketing", "erased") in await suppressions(followup_database)
    consent = events.Consent(channel="email", granted=True)
    await hear(followup_database, events.ConsentGranted(lead_id=client_id, person_id=client_id, consent=consent))
    assert ("email", "marketing", "erased") in await suppressions(followup_database)
    (again,) = await add_clients(followup_database, email="ADA@example.net")  # the same mailbox, another person
    await add_touches(followup_database, [again], purpose="marketing")
    channel = Recording()
    async with running(loop_over(followup_database, channel)):
        await settled(followup_database)
    assert channel.sent == []


async def test_erasure_leaves_no_address_anywhere(followup_database: Database, browser: httpx.AsyncClient) -> None:
    client_id, touch_id = await a_client(followup_database)
    friend = {"name": "Ann Lee", "phone": "+1 419 555 0177"}
    await browser.post(f"/r/{SIGNER.sign(f'{client_id}:email:{touch_id}')}", data=friend)
    async with followup_database.transaction() as unit:
        for told_of in (Told("delivered", "ada@example.net", "x:1"), Told("bounce", "ada@example.net", "x:2", "soft")):
            await INBOUND.hear_event(unit, told_of, datetime.now(UTC))
    await hear_mail(followup_database, report(failed("ada@example.net", "4.2.2", "452 4.2.2 full")))
    await hear_mail(followup_database, answer("It leaks. Call me on +14195550134."))
    async with followup_database.transaction() as unit:
        await unit.execute("DELETE FROM outbox")  # told, and gone to the topics
    await hear(followup_database, events.PersonErased(lead_id=client_id, person_id=client_id))
    async with followup_database.reading() as unit:
        names = [row["tablename"] for row in await unit.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        words = "ada@example|4195550134|4195550177|Ann Lee|Elm St"
        holds = [one for one in names if await unit.value(f"SELECT count(*) FROM {one} x WHERE x::text ~ $1", words)]
    assert holds == []


async def test_a_merge_moves_everything_and_keeps_the_strictest_word(
    followup_database: Database, browser: httpx.AsyncClient
) -> None:
    loser, _ = await a_client(followup_database)
    (survivor,) = await add_clients(followup_database, email="case@example.net")
    await browser.post(link(loser), data=ONE_CLICK)
    await add_touches(followup_database, [loser], purpose="service", due_at=LATER, expires_at=LATER + timedelta(days=5))
    for _ in range(2):  # told once per lead
        await hear(followup_database, events.PersonMerged(lead_id=loser, person_id=loser, into=survivor))
    async with followup_database.reading() as unit:
        owners = {
            row["client_id"] for row in await unit.fetch("SELECT client_id FROM touch UNION SELECT client_id FROM enrolment")
        }
        digest = ADDRESSES.of("case@example.net")
        kept = {row["purpose"] for row in await unit.fetch("SELECT purpose FROM suppression WHERE address_hash = $1", digest)}
    assert owners == {survivor}
    assert kept == {"marketing", "newsletter", "referral", "review"}
    await add_touches(followup_database, [survivor], purpose="marketing")
    channel = Recording()
    async with running(loop_over(followup_database, channel)):
        await settled(followup_database)
    assert channel.sent == []
    assert (await browser.get(f"{link(loser)}/preferences")).status_code == 200  # an old link still works


@pytest.mark.parametrize("written", ["email", "Email", "e-mail", " E-MAIL"])
async def test_what_was_said_elsewhere_is_heard_and_not_echoed(followup_database: Database, written: str) -> None:
    client_id, _ = await a_client(followup_database)
    await hear(followup_database, events.ConsentRevoked(person_id=client_id, channel=written, purpose="Marketing"))
    assert await states(followup_database) == {("skipped", "opt_out"): 1}
    assert await revocations(followup_database) == []


async def test_an_old_yes_that_comes_late_does_not_undo_a_newer_no(
    followup_database: Database, browser: httpx.AsyncClient
) -> None:
    client_id, _ = await a_client(followup_database)
    await browser.post(link(client_id), data=ONE_CLICK)
    yes = events.ConsentGranted(lead_id=client_id, person_id=client_id, consent=events.Consent(channel="email", granted=True))
    await hear(followup_database, yes, at=datetime.now(UTC) - timedelta(days=1))
    assert ("email", "marketing", "unsubscribed") in await suppressions(followup_database)
    before = yes.consent.model_copy(update={"at": datetime.now(UTC) - timedelta(days=1)})  # set aside, and released today
    await hear(followup_database, yes.model_copy(update={"consent": before}), at=datetime.now(UTC) + timedelta(seconds=1))
    assert ("email", "marketing", "unsubscribed") in await suppressions(followup_database)
    await hear(followup_database, yes, at=datetime.now(UTC) + timedelta(seconds=1))
    assert await suppressions(followup_database) == set()


@pytest.mark.parametrize("purpose", ["marketing", None])
async def test_an_old_no_that_comes_with_a_new_lead_does_not_undo_a_newer_yes(
    followup_database: Database, browser: httpx.AsyncClient, purpose: str | None
) -> None:
    client_id, _ = await a_client(followup_database)
    await browser.post(link(client_id), data=ONE_CLICK)
    between = datetime.now(UTC)
    await browser.post(f"{link(client_id)}/preferences", data={"level": "everything"})
    await add_touches(followup_database, [client_id], purpose="marketing", due_at=LATER)
    for at, refused in ((between, set()), (datetime.now(UTC), {("email", purpose or "all", "not granted")})):
        said = events.Consent(channel="email", purpose=purpose, granted=False, at=at)
        won = {"lead_id": uuid4(), "person_id": client_id, "amount": "1", "currency": "USD", "contact": events.Contact()}
        await hear(followup_database, events.LeadWon(**won, at=datetime.now(UTC), consents=[said]))
        assert await suppressions(followup_database) == refused
        assert (await states(followup_database)).get(("planned", None), 0) == (not refused)


@pytest.mark.parametrize(
    ("level", "channel", "mail", "texts", "letters"),
    [
        ("everything", "email", set(PURPOSES), set(PURPOSES), set(PURPOSES)),
        ("less", "email", {"service", "marketing"}, {"service", "marketing"}, {"service", "marketing"}),
        ("jobs", "email", {"service"}, {"service"}, {"service"}),
        ("nothing", "email", set(), set(), set()),
        ("everything", "sms", {"service"}, set(PURPOSES), set(PURPOSES)),
        ("less", "sms", {"service"}, {"service", "marketing"}, {"service", "marketing"}),
        ("nothing", "sms", set(), set(), set()),
    ],
)
async def test_preferences_hold_from_the_next_attempt_on(
    followup_database: Database,
    browser: httpx.AsyncClient,
    level: str,
    channel: str,
    mail: set[str],
    texts: set[str],
    letters: set[str],
) -> None:
    client_id, _ = await a_client(followup_database)
    async with followup_database.transaction() as unit:
        client = await unit.row("SELECT * FROM client WHERE id = $1", client_id)
        await grant(unit, ADDRESSES, client, "sms", PURPOSES, "asked for texts", datetime.now(UTC) - timedelta(days=1))
    answer = await browser.post(f"{link(client_id)}/preferences", data={"level": level, "channel": channel})
    assert answer.status_code == 200
    page = (await browser.get(f"{link(client_id)}/preferences")).text
    assert f'value="{level}" required checked' in page
    assert f'value="{channel if texts else "email"}" checked' in page
    await add_touches(followup_database, [client_id], purpose="marketing", step="win_back")
    await add_touches(followup_database, [client_id], purpose="service")
    recording = Recording()
    async with running(loop_over(followup_database, recording)):
        await settled(followup_database)
    assert len(recording.sent) == len(mail & {"marketing", "service"})
    async with followup_database.reading() as unit:
        allowed = (await reach(unit, ADDRESSES, [client], datetime.now(UTC)))[client_id]
    assert {one: set(purposes) for one, purposes in allowed.items()} == {"email": mail, "sms": texts, "post": letters}


@pytest.mark.parametrize(("level", "allowed"), [("jobs", {"service"}), ("less", {"service", "marketing"})])
async def test_who_wanted_nothing_and_wants_something_after_all_gets_just_that(
    followup_database: Database, browser: httpx.AsyncClient, level: str, allowed: set[str]
) -> None:
    client_id, _ = await a_client(followup_database)
    for one in ("nothing", level):
        await browser.post(f"{link(client_id)}/preferences", data={"level": one})
    async with followup_database.reading() as unit:
        client = await unit.row("SELECT * FROM client WHERE id = $1", client_id)
        reached = (await reach(unit, ADDRESSES, [client], datetime.now(UTC)))[client_id]
    assert {one: set(purposes) for one, purposes in reached.items()} == {"email": allowed, "sms": set(), "post": set()}
    page = (await browser.get(f"{link(client_id)}/preferences")).text
    assert f'value="{level}" required checked' in page


@pytest.mark.parametrize(("level", "refused"), [("everything", set()), ("less", {"review", "referral", "newsletter"})])
async def test_a_yes_is_told_to_the_others_as_a_no_is(
    followup_database: Database, browser: httpx.AsyncClient, level: str, refused: set[str]
) -> None:
    """Nothing at all, and everything for every purpose after all: what stays refused is said again behind it."""
    (client_id,) = await add_clients(followup_database, email="ada@example.net")
    for chosen in ("nothing", level, level):
        await browser.post(f"{link(client_id)}/preferences", data={"level": chosen})
    heard = [event for event in await told(followup_database) if event["type"].startswith("consent.")]
    granted = [event["consent"]["purpose"] for event in heard if event["type"] == "consent.granted"]
    assert (granted[0], set(granted[1:]), len(granted)) == (None, set(PURPOSES) - refused, 6 - len(refused))
    revoked = [event["purpose"] for event in heard[3 + len(granted) :]]  # behind nothing at all, on three channels
    assert (set(revoked), len(revoked)) == (refused, len(refused))
    async with followup_database.reading() as unit:
        client = await store.clients.find(unit, client_id)
        reached = (await reach(unit, ADDRESSES, [client], datetime.now(UTC)))[client_id]
    assert set(reached["email"]) == set(PURPOSES) - refused


@pytest.mark.parametrize("texts", [True, False])
async def test_texts_are_offered_where_something_carries_them(followup_database: Database, texts: bool) -> None:
    client_id, _ = await a_client(followup_database)
    async with browsing(followup_database, texts=texts) as browser:
        page = (await browser.get(f"{link(client_id)}/preferences")).text
        answer = await browser.post(f"{link(client_id)}/preferences", data={"level": "less", "channel": "sms"})
    assert ("By text message instead" in page, answer.status_code) == (texts, 200 if texts else 422)


async def test_a_no_holds_where_the_address_comes_later(followup_database: Database, browser: httpx.AsyncClient) -> None:
    (client_id,) = await add_clients(followup_database, email="ada@example.net")
    for _ in range(2):
        await browser.post(f"{link(client_id)}/preferences", data={"level": "nothing"})
    revoked = [event for event in await told(followup_database) if event["type"] == "consent.revoked"]
    assert [(event["channel"], event["purpose"]) for event in revoked] == [("email", None), ("sms", None), ("post", None)]
    async with followup_database.transaction() as unit:
        await set_address(unit, PAUSES, client_id, "12 Elm St, Toledo OH", datetime.now(UTC))
        client = await unit.row("SELECT * FROM client WHERE id = $1", client_id)
        assert (await reach(unit, ADDRESSES, [client], datetime.now(UTC)))[client_id] == {"email": set(), "post": set()}


async def test_a_referral_and_a_request_are_told_once(followup_database: Database, browser: httpx.AsyncClient) -> None:
    client_id, touch_id = await a_client(followup_database)
    token = SIGNER.sign(f"{client_id}:email:{touch_id}")
    wrong = await browser.post(f"/r/{token}", data={"name": "Ann Lee", "phone": "12"})
    assert (wrong.status_code, "valid phone number" in wrong.text, "Ann Lee" in wrong.text) == (422, True, True)
    for _ in range(3):
        assert (await browser.post(f"/r/{token}", data={"name": "Ann Lee", "phone": "419 555 0199"})).status_code == 200
        assert (await browser.post(f"/m/{token}")).status_code == 200
    found = [event for event in await told(followup_database) if event["type"] in ("referral.received", "maintenance.requested")]
    assert [event["type"] for event in found] == ["referral.received", "maintenance.requested"]
    assert found[0]["contact"]["phone"] == "+14195550199"


async def test_who_sends_many_friends_is_told_to_go_on_tomorrow(followup_database: Database, browser: httpx.AsyncClient) -> None:
    client_id, touch_id = await a_client(followup_database)
    url = f"/r/{SIGNER.sign(f'{client_id}:email:{touch_id}')}"
    friends = [{"name": f"Ann {number}", "phone": f"419 555 01{number}"} for number in range(70, 81)]
    assert [(await browser.post(url, data=friend)).status_code for friend in friends] == [200] * 10 + [422]
    page = await browser.post(url, data=friends[-1])
    assert ("tomorrow" in page.text, 'value="Ann 80"' in page.text, 'value="419 555 0180"' in page.text) == (True, True, True)
    assert (await browser.post(url, data=friends[0])).status_code == 200  # who is known already
    async with followup_database.transaction() as unit:
        await unit.execute("UPDATE delivery_fact SET at = at - interval '1 day'")
    assert (await browser.post(url, data=friends[-1])).status_code == 200
    assert [event["type"] for event in await told(followup_database)] == ["referral.received"] * 11


async def test_links_of_a_mail_from_before_a_merge_still_work(followup_database: Database, browser: httpx.AsyncClient) -> None:
    loser, touch_id = await a_client(followup_database, subject="client")
    (survivor,) = await add_clients(followup_database, email="case@example.net")
    await add_touches(followup_database, [survivor], subject="client")
    await hear(followup_database, events.PersonMerged(lead_id=loser, person_id=loser, into=survivor))
    token = SIGNER.sign(f"{loser}:email:{touch_id}")
    assert (await browser.post(f"/r/{token}", data={"name": "Ann Lee", "phone": "419 555 0199"})).status_code == 200
    assert (await browser.post(f"/m/{token}")).status_code == 200
    assert (await browser.post(f"/s/{token}", data={"score": 2, "words": "The floor was left wet."})).status_code == 200
    told_of = {event["type"]: event["client_id"] for event in await told(followup_database) if event["type"] != "touch.skipped"}
    assert told_of == dict.fromkeys(("referral.received", "maintenance.requested", "recovery.needed"), str(survivor))
    assert (await notices(followup_database))[0]["reply_to"] == "case@example.net"


@pytest.mark.parametrize("odd", ["a\x00b", "\ud800", "a\r\nBcc: x@example.net", "<b>&", "\u202eabc", "😀" * 100])
async def test_whatever_is_written_into_a_page_is_kept_or_refused(
    followup_database: Database, browser: httpx.AsyncClient, odd: str
) -> None:
    client_id, touch_id = await a_client(followup_database)
    token, raw = SIGNER.sign(f"{client_id}:email:{touch_id}"), quote_plus(odd.encode("utf-8", "surrogatepass"))
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for path, body in ((f"/r/{token}", f"name={raw}&phone=4195550199&message={raw}"), (f"/s/{token}", f"score=1&words={raw}")):
        answer = await browser.post(path, content=body, headers=form)
        assert answer.status_code in (200, 422), answer.text
        answer = await browser.post(path, content=body + "%ff%fe", headers=form)
        assert answer.status_code in (200, 400, 422), answer.text


async def test_a_person_whose_link_has_ended_reads_a_page(followup_database: Database, browser: httpx.AsyncClient) -> None:
    client_id, _ = await a_client(followup_database)
    token = SIGNER.sign(f"{client_id}:email:{uuid4()}")
    page = await browser.get(f"/m/{token}", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (page.status_code, page.headers["content-type"]) == (410, "text/html; charset=utf-8")
    assert "<h1>This has ended</h1>" in page.text
    problem = await browser.get(f"/m/{token}")
    assert (problem.status_code, problem.headers["content-type"]) == (410, "application/problem+json")


@pytest.mark.parametrize(("score", "called"), [(2, True), (5, False)])
async def test_a_low_answer_calls_a_person_at_once(
    followup_database: Database, browser: httpx.AsyncClient, score: int, called: bool
) -> None:
    client_id, touch_id = await a_client(followup_database, purpose="review")
    token = SIGNER.sign(f"{client_id}:email:{touch_id}")
    for _ in range(2):
        assert (await browser.post(f"/s/{token}", data={"score": score, "words": "The floor was left wet."})).status_code == 200
    assert [event["type"] for event in await told(followup_database)].count("recovery.needed") == called
    assert len(await notices(followup_database)) == 1
    assert (await browser.post(f"/s/{token}", data={"score": 9})).status_code == 422
    async with followup_database.reading() as unit:
        assert await unit.value("SELECT state FROM touch WHERE purpose = 'review'") == "planned"  # the ask does not depend on it


async def test_who_answers_again_is_heard_again(followup_database: Database, browser: httpx.AsyncClient) -> None:
    """The page says that a person will call: also to who tapped the wrong number first, or comes back to say why."""
    client_id, touch_id = await a_client(followup_database)
    url = f"/s/{SIGNER.sign(f'{client_id}:email:{touch_id}')}"
    for said in ({"score": 5}, {"score": 1}, {"score": 1, "words": "The floor was left wet."}):
        assert (await browser.post(url, data=said)).status_code == 200
    assert [event["type"] for event in await told(followup_database)].count("recovery.needed") == 2
    assert [row["text"] for row in await notices(followup_database)] == ["The floor was left wet."]
    async with followup_database.reading() as unit:
        assert [row["kind"] for row in await unit.fetch("SELECT kind FROM client_fact")] == ["satisfaction.low"]


async def test_a_page_that_fails_is_logged_without_its_link(
    followup_database: Database, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    client_id, _ = await a_client(followup_database)
    monkeypatch.setattr("services.followup.pages.unsubscribe.unsubscribe", None)  # a bug of ours
    assert (await browser.post(link(client_id))).status_code == 500
    said = capsys.readouterr().out
    assert "/u/{token}" in said
    assert link(client_id).removeprefix("/u/")[:20] not in said
