"""Two clients became one: what comes back to the mails of either is about the one who is left."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.followup import store
from shared import events
from shared.database import Database
from tests.services.followup.company import NOW, Company
from tests.services.followup.sending import ADDRESSES, Recording, add_clients, add_touches, loop_over, running, settled, told
from tests.services.followup.test_clients_api import client_api
from tests.services.followup.test_inbound import ARF, LATER, SIGNER, VERP, answer, failed, hear, suppressions, to
from tests.services.followup.test_incoming import report
from tests.services.followup.test_pages import hear as hear_event

NEVER = ["marketing", "newsletter", "referral", "review"]


async def merged(database: Database) -> tuple[UUID, UUID, UUID, UUID]:
    """The loser and a touch of theirs, and who has become of them after two merges, with a planned touch.

    Both were in the same plan as a client, so the loser's touch stays the loser's.
    """
    loser, middle, survivor = [(await add_clients(database, email=f"{name}@example.net"))[0] for name in ("ada", "a", "case")]
    later = {"subject": "client", "purpose": "marketing", "due_at": LATER, "expires_at": LATER + timedelta(days=5)}
    old, _, planned = await add_touches(database, [loser, middle, survivor], **later)
    for one, into in ((loser, middle), (middle, survivor)):
        await hear_event(database, events.PersonMerged(lead_id=one, person_id=one, into=into))
    return loser, old, survivor, planned


async def test_a_no_of_somebody_who_was_no_client_yet_is_the_clients_when_they_are_one(followup_database: Database) -> None:
    company, stranger = Company(followup_database), uuid4()
    await company.agree()
    client_id = await company.client()
    assert (await company.touches(client_id))["review"]["state"] == "planned"
    no = events.ConsentRevoked(person_id=stranger, channel="email", purpose="review")
    await company.hear(company.clients.hear_revocation, no)
    await company.hear(company.merges.merge_persons, events.PersonMerged(lead_id=stranger, person_id=stranger, into=client_id))
    review = (await company.touches(client_id))["review"]
    assert (review["state"], review["reason"]) == ("skipped", "opt_out")


@pytest.mark.parametrize("is_client", [True, False])
async def test_who_was_merged_before_they_won_is_the_other_one(followup_database: Database, is_client: bool) -> None:
    company, loser, survivor = Company(followup_database), uuid4(), uuid4()
    await company.agree()
    if is_client:
        await company.win(person_id=survivor)
    merged = events.PersonMerged(lead_id=loser, person_id=loser, into=survivor)
    for _ in range(2):
        await company.hear(company.merges.merge_persons, merged)
    no = events.ConsentRevoked(person_id=loser, channel="email", purpose="review")
    await company.hear(company.clients.hear_revocation, no)
    won = await company.win(person_id=loser)
    await company.complete(won)
    assert (await company.touches(survivor))["review"]["reason"] == "opt_out"
    async with followup_database.reading() as unit:
        assert [row["id"] for row in await store.clients.page(unit, None, 10)] == [survivor]
        assert await store.clients.of_leads(unit, [won.lead_id]) == {won.lead_id: survivor}
    assert [event["client_id"] for event in await told(followup_database) if event["type"] == "client.created"] == [str(survivor)]


async def test_what_is_known_of_either_reaches_who_is_left(followup_database: Database) -> None:
    """One came by mail and one by telephone, which is why nobody saw that they are one."""
    company = Company(followup_database)
    await company.agree()
    mailed, called = (
        await company.win(email="ada@example.net"),
        await company.win(email=None, phone="+14195550134", last_name="Case"),
    )
    for job_id, won in (("a", mailed), ("b", called)):
        await company.complete(won, job_id=job_id)
    assert (await company.touches(called.person_id))["review"]["reason"] == "no_address"
    merged = events.PersonMerged(lead_id=mailed.lead_id, person_id=mailed.person_id, into=called.person_id)
    await company.hear(company.merges.merge_persons, merged)
    async with followup_database.reading() as unit:
        contact = (await store.clients.find(unit, called.person_id))["contact"]
    assert (contact["email"], contact["phone"], contact["last_name"]) == ("ada@example.net", "+14195550134", "Case")
    assert (await company.touches(called.person_id))["review"]["state"] == "planned"


async def touch_of(database: Database, touch_id: UUID) -> Any:
    async with database.reading() as unit:
        return await unit.row("SELECT client_id, state, reason FROM touch WHERE id = $1", touch_id)


def complaint(ours: str = "", link: str = "") -> bytes:
    return ARF.format(kind="abuse", named="Original-Rcpt-To: redacted\n", ours=ours, link=link).encode()


def door(how: str, client_id: UUID, touch_id: UUID) -> bytes:
    match how:
        case "answer":
            return answer("STOP", To=VERP.address("r", touch_id))
        case "mailed stop":
            return answer("", To=VERP.address("u", touch_id))
        case "complaint with our id":
            return complaint(ours=f"Message-ID: <{touch_id}@maple.example>\n")
        case _:
            return complaint(link=f"https://maple.example/u/{SIGNER.sign(f'{client_id}:email')}")


@pytest.mark.parametrize("how", ["answer", "mailed stop", "complaint with our id", "complaint with our link"])
async def test_a_stop_to_an_old_mail_stops_who_they_are_today(followup_database: Database, how: str) -> None:
    loser, old, survivor, planned = await merged(followup_database)
    assert (await touch_of(followup_database, old))["client_id"] == loser
    assert (await touch_of(followup_database, planned))["state"] == "planned"
    await hear(followup_database, door(how, loser, old))
    async with followup_database.reading() as unit:
        digest = ADDRESSES.of("case@example.net")
        rows = await unit.fetch("SELECT purpose FROM suppression WHERE address_hash = $1 ORDER BY 1", digest)
    assert [row["purpose"] for row in rows] == NEVER
    assert tuple(await touch_of(followup_database, planned)) == (survivor, "skipped", "opt_out")
    revoked = [event for event in await told(followup_database) if event["type"] == "consent.revoked"]
    assert sorted((event["person_id"], event["purpose"]) for event in revoked) == [(str(survivor), one) for one in NEVER]


@pytest.mark.parametrize("both_in_one_plan", [True, False])
@pytest.mark.parametrize("named", ["ada@example.net", "somebody.else@example.org"])
async def test_a_bounce_of_an_old_mail_says_nothing_of_the_address_they_have_today(
    followup_database: Database, named: str, both_in_one_plan: bool
) -> None:
    (loser,), (survivor,) = [await add_clients(followup_database, email=f"{name}@example.net") for name in ("ada", "case")]
    more = {"subject": "client"} if both_in_one_plan else {}
    old, kept = await add_touches(followup_database, [loser, survivor], **more)
    async with running(loop_over(followup_database, Recording())):
        await settled(followup_database)
    await hear_event(followup_database, events.PersonMerged(lead_id=loser, person_id=loser, into=survivor))
    await hear(followup_database, to(VERP.address("b", old), report(failed(named))))
    assert await suppressions(followup_database) == set()
    await hear(followup_database, to(VERP.address("b", kept), report(failed(named))))
    assert await suppressions(followup_database) == {("email", "all", "hard_bounce")}


async def test_an_answer_to_an_old_mail_pauses_who_they_are_today(followup_database: Database) -> None:
    _, old, survivor, planned = await merged(followup_database)
    async with followup_database.transaction() as unit:
        await unit.execute("UPDATE enrolment SET state = 'active' WHERE client_id = $1", survivor)
    await hear(followup_database, answer("The tap drips again.", To=VERP.address("r", old)))
    assert tuple(await touch_of(followup_database, planned)) == (survivor, "paused", "conversation.open")
    (reply,) = [event for event in await told(followup_database) if event["type"] == "reply.received"]
    assert (reply["client_id"], reply["touch_id"]) == (str(survivor), str(old))


async def test_a_no_that_names_who_they_were_is_theirs_today(followup_database: Database) -> None:
    loser, _, survivor, planned = await merged(followup_database)
    await hear_event(followup_database, events.ConsentRevoked(person_id=loser, channel="email", purpose="marketing"))
    assert tuple(await touch_of(followup_database, planned)) == (survivor, "skipped", "opt_out")
    async with followup_database.reading() as unit:
        assert await unit.value("SELECT client_id FROM consent_event WHERE NOT granted AND purpose = 'marketing'") == survivor


async def two_who_are_one(company: Company) -> tuple[UUID, UUID]:
    """Who they were, and who they are today."""
    await company.agree()
    loser, survivor = await company.win(), await company.win()
    for job_id, won in (("a", loser), ("b", survivor)):
        await company.complete(won, job_id=job_id)
    merged = events.PersonMerged(lead_id=loser.lead_id, person_id=loser.person_id, into=survivor.person_id)
    await company.hear(company.merges.merge_persons, merged)
    return loser.person_id, survivor.person_id


async def test_a_client_who_sent_somebody_before_they_were_merged_is_thanked(followup_database: Database) -> None:
    company = Company(followup_database)
    loser, survivor = await two_who_are_one(company)
    await company.win(referred_by=loser, now=NOW + timedelta(days=1))
    assert "referral_thanks" in {step.partition(" ")[0] for step in await company.touches(survivor)}


@pytest.mark.parametrize("both", [False, True])
async def test_who_was_merged_into_somebody_erased_is_a_client_of_their_own_when_they_win(
    followup_database: Database, both: bool
) -> None:
    """The merge was undone before; who was erased together with them stays forgotten."""
    company = Company(followup_database)
    loser, survivor = await two_who_are_one(company)
    for gone in (survivor, loser)[: 1 + both]:
        await company.hear(company.clients.erase, events.PersonErased(lead_id=uuid4(), person_id=gone))
    await company.complete(await company.win(person_id=loser, email="ada@example.net"), job_id="c")
    created = [event["client_id"] for event in await told(followup_database) if event["type"] == "client.created"][2:]
    assert created == ([] if both else [str(loser)])
    assert (await company.touches(loser)).get("thank_you", {}).get("state") == (None if both else "planned")
    async with followup_database.reading() as unit:
        found = [
            (row["id"], row["household_id"], row["contact"].get("email"), row["contact"].get("lent"))
            for row in await store.clients.page(unit, None, 10)
        ]
    assert found == ([] if both else [(loser, loser, "ada@example.net", None)])


@pytest.mark.parametrize("known", [True, False])
async def test_what_somebody_erased_gave_to_who_they_were_merged_into_is_forgotten_there(
    followup_database: Database, known: bool
) -> None:
    """The merge was undone, and only the other one is erased; what the survivor had themselves stays theirs."""
    company, survivor = Company(followup_database), uuid4()
    await company.agree()
    loser = await company.win(email="ada@example.net", phone="+14195550134")
    if known:
        await company.complete(await company.win(person_id=survivor, email=None, phone="+14195550134"))
    await company.hear(
        company.merges.merge_persons, events.PersonMerged(lead_id=uuid4(), person_id=loser.person_id, into=survivor)
    )
    await company.hear(company.clients.erase, events.PersonErased(lead_id=uuid4(), person_id=loser.person_id))
    async with followup_database.reading() as unit:
        client = await store.clients.find(unit, survivor)
        assert await unit.value("SELECT count(*) FROM client x WHERE x::text ~ 'ada@example'") == 0
    assert client["contact"].get("phone") == ("+14195550134" if known else None)
    assert ("email", "marketing", "erased") in await suppressions(followup_database)
    assert known <= ("planned" not in {row["state"] for row in (await company.touches(survivor)).values()})


async def test_what_a_person_tells_us_of_who_they_were_is_about_who_they_are_today(
    followup_database: Database, tmp_path: Path
) -> None:
    company = Company(followup_database)
    loser, survivor = await two_who_are_one(company)
    async with client_api(company, tmp_path) as api:
        shown = (await api.get(f"/v1/clients/{loser}/calendar")).json()
        assert shown["client_id"] == str(survivor)
        assert "anniversary" in {touch["step"] for touch in shown["touches"] if touch["state"] == "planned"}
        assert (await api.post(f"/v1/clients/{loser}/stop", json={})).json()["client_id"] == str(survivor)
    assert {row["state"] for row in (await company.touches(survivor)).values()} == {"skipped"}


async def test_a_touch_that_was_claimed_before_a_merge_goes_to_who_is_left(followup_database: Database) -> None:
    loser, survivor = await add_clients(followup_database, 2)
    (touch_id,) = await add_touches(followup_database, [loser])
    now = datetime.now(UTC)
    async with followup_database.transaction() as unit:
        claimed = await store.sending.claim_due(unit, now, ["email"], limit=1, lease=timedelta(minutes=2))
    await hear_event(followup_database, events.PersonMerged(lead_id=loser, person_id=loser, into=survivor))
    recording = Recording()
    loop = loop_over(followup_database, recording)
    async with followup_database.transaction() as unit:
        assert await loop.intender.intend(unit, claimed, now) == []
    async with running(loop):
        await settled(followup_database)
    assert tuple(await touch_of(followup_database, touch_id)) == (survivor, "sent", None)
    assert recording.recipients == [f"{survivor.hex}@example.net"]


@pytest.mark.parametrize("is_won", [True, False])
async def test_a_complaint_about_a_lead_that_went_into_another_is_closed_with_it(
    followup_database: Database, is_won: bool
) -> None:
    company, into = Company(followup_database), uuid4()
    await company.agree()
    won = await company.win()
    await company.complete(won)
    lead = won.lead_id if is_won else uuid4()
    about = {"job_id": "job-1", "person_id": won.person_id}
    await company.hear(company.clients.remember, events.ComplaintOpened(lead_id=lead, **about))
    assert (await company.touches(won.person_id))["review"]["reason"] == "complaint.open"
    merged = events.LeadMerged(lead_id=lead, person_id=won.person_id, into=into)
    await company.hear(company.merges.merge_leads, merged)
    await company.hear(company.clients.remember, events.ComplaintClosed(lead_id=into, **about))
    assert (await company.touches(won.person_id))["review"]["state"] == "planned"


async def test_who_waits_for_a_merge_gets_who_is_left(followup_database: Database) -> None:
    loser, survivor = await add_clients(followup_database, 2)

    async def locked() -> UUID:
        async with followup_database.transaction() as unit:
            return UUID(str((await store.clients.lock(unit, loser))["id"]))

    async with followup_database.transaction() as unit:
        await store.merging.forget(unit, loser, survivor)
        waiting = asyncio.create_task(locked())
        await asyncio.sleep(0.3)
        assert not waiting.done()
    assert await waiting == survivor
