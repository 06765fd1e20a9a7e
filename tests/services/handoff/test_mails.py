"""Reps are told by mail; links act only when a person presses a button; names stay text wherever they go."""

import asyncio
import email.policy
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email import message_from_bytes
from email.message import EmailMessage
from html import unescape
from typing import Any

import httpx
import pytest
from aiosmtpd.controller import Controller
from uuid_utils.compat import uuid7

from deploy.local.ports import free_ports
from services.handoff import store
from services.handoff.adapters.mails import Mail
from services.handoff.adapters.smtp import Smtp
from services.handoff.settings import Settings
from services.handoff.use_cases import people
from services.handoff.use_cases.agreements import apply_agreement
from services.handoff.use_cases.commands import command_assignment
from services.handoff.use_cases.mails import AT_ONCE, claim_mails, settle_mails
from shared import events
from shared.database import Database
from shared.mail import one_line
from tests.services.followup.relay import scripted_relay
from tests.services.handoff.acts import change, offers
from tests.services.handoff.support import BASE, CONTACT, LINKS, SHIPPED, Handoff

HOSTILE = {**CONTACT, "first_name": "<script>alert(1)</script>", "last_name": "X\r\nBcc: all@evil.example"}


@pytest.fixture
async def handoff(handoff_database: Database) -> Handoff:
    handoff = Handoff(handoff_database)
    handoff.now = datetime.now(UTC)  # the doors look at the clock themselves
    await handoff.start("Rosa", "Sam")
    return handoff


@pytest.fixture
async def client(handoff: Handoff) -> AsyncIterator[httpx.AsyncClient]:
    async with handoff.client() as opened:
        yield opened


async def reps_of(handoff: Handoff) -> list[Any]:
    async with handoff.database.reading() as unit:
        return await unit.fetch("SELECT * FROM rep ORDER BY name")


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def link_in(mail: EmailMessage) -> str:
    found = re.search(rf"{BASE}(/a/\S+)", text_of(mail))
    assert found
    return found[1]


async def test_an_offer_is_a_mail_with_the_brief_and_no_name_in_its_subject(handoff: Handoff) -> None:
    lead = await handoff.qualify(promise="20 % off.")
    (mail,) = await handoff.mails()
    assignment = await handoff.active(lead)
    assert mail["To"].addresses[0].addr_spec in ("rosa@maple.example", "sam@maple.example")
    by = handoff.now + timedelta(minutes=5)
    assert mail["Subject"] == f"New lead: estimate (P2), please answer by {by:%a %-d %b, %H:%M} (UTC)"
    for kind in ("plain", "html"):
        for said in ("Ada Case", "The tap drips.", "20 % off.", "What would you like to be different", "+12125550123"):
            assert said in text_of(mail, kind), (kind, said)
    assert LINKS.read_offer(link_in(mail).removeprefix("/a/"), handoff.now) == assignment["id"]
    assert await handoff.mails() == []


async def test_a_subject_says_what_they_want_only_where_it_is_one_of_our_choices(handoff: Handoff) -> None:
    await handoff.qualify(selection="I am Ada Case: the tap")
    (mail,) = await handoff.mails()
    assert mail["Subject"].startswith("New lead: question (P2)")
    assert "I am Ada Case: the tap" in text_of(mail)


async def test_a_scanner_that_looks_changes_nothing_and_a_press_accepts(handoff: Handoff, client: httpx.AsyncClient) -> None:
    lead = await handoff.qualify()
    (mail,) = await handoff.mails()
    link = link_in(mail)
    before = await handoff.types(lead)
    assert (await client.head(link)).status_code == 200
    for _ in range(3):
        answer = await client.get(link)
        assert answer.status_code == 200
    assert "Accept" in answer.text
    for scanner in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}):
        await client.post(link, data={"do": "accept"}, headers=scanner)
    await client.post(link)
    await client.post(link, data={"do": "nonsense"})
    assert await handoff.types(lead) == before
    pressed = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate"}
    answer = await client.post(link, data={"do": "accept"}, headers=pressed)
    assert (answer.status_code, answer.headers["location"]) == (303, link)
    assert await handoff.types(lead) == [*before, "assignment.accepted"]
    await client.post(link, data={"do": "accept"})
    assert await handoff.types(lead) == [*before, "assignment.accepted"]
    assert "It is yours." in (await client.get(link)).text


@pytest.mark.parametrize("body", ["do=decline&reason=a%00b", "&".join(f"f{n}=1" for n in range(40)) + "&do=decline&reason=x"])
async def test_whatever_is_posted_to_the_link_is_no_fault_of_ours(handoff: Handoff, client: httpx.AsyncClient, body: str) -> None:
    await handoff.qualify()
    (mail,) = await handoff.mails()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await client.post(link_in(mail), content=body, headers=form)
    assert answer.status_code in (200, 303, 400, 422), answer.text


async def test_declining_by_the_link_asks_why_and_the_next_rep_is_asked(handoff: Handoff, client: httpx.AsyncClient) -> None:
    lead = await handoff.qualify()
    (mail,) = await handoff.mails()
    first = await handoff.active(lead)
    unreasoned = await client.post(link_in(mail), data={"do": "decline"})
    assert "Please say why." in unreasoned.text
    await client.post(link_in(mail), data={"do": "decline", "reason": "too far"})
    second = await handoff.active(lead)
    assert second["rep_id"] != first["rep_id"]
    gone = await client.get(link_in(mail))
    assert "No longer yours" in gone.text
    assert "Ada" not in gone.text
    handoff.now = datetime.now(UTC)
    (next_mail,) = await handoff.mails()
    assert "declined (too far)" in text_of(next_mail)


@pytest.mark.parametrize("step", ["decline", "lost", "recycle"])
async def test_a_reason_is_one_of_the_agreed_where_there_is_a_list(
    handoff: Handoff, client: httpx.AsyncClient, step: str
) -> None:
    handoff.now += timedelta(seconds=1)
    agreement = SHIPPED.replace(f"{step}_reasons = []", f'{step}_reasons = ["Too far", "Price too high"]')
    async with handoff.database.transaction() as unit:
        await apply_agreement(unit, agreement, ["m", "s"], handoff.now)
    lead = await handoff.qualify()
    (mail,) = await handoff.mails()
    assignment, said = await handoff.active(lead), "spoke to ada case of elm street"
    page = await client.post(link_in(mail), data={"do": step, "reason": said})
    answer = await client.post(f"/v1/assignments/{assignment['id']}/{step}", json={"reason": said})
    assert (page.status_code, answer.status_code) == (409, 422)
    for text in (page.text, answer.json()["detail"]):
        assert "The agreement has no such reason; it has: Too far, Price too high." in text
    for nothing in ({"reason": " "}, {}):
        unreasoned = await client.post(f"/v1/assignments/{assignment['id']}/{step}", json=nothing)
        assert (unreasoned.status_code, "it has: Too far" in unreasoned.text) == (422, True)
    assert (await handoff.active(lead))["state"] == "offered"
    await client.post(link_in(mail), data={"do": step, "reason": "too_far"})
    assert [row["reason"] for row in await offers(handoff) if row["id"] == assignment["id"]] == ["Too far"]


async def test_a_lead_is_worked_to_its_end_by_forms_alone(handoff: Handoff, client: httpx.AsyncClient) -> None:
    lead = await handoff.qualify()
    (mail,) = await handoff.mails()
    link = link_in(mail)
    for step in ("accept", "contacted", "proposed"):
        assert (await client.post(link, data={"do": step})).status_code == 303
    wrong = await client.post(link, data={"do": "won", "amount": "a lot", "currency": "USD"})
    assert "Please enter the amount as a number" in wrong.text
    await client.post(link, data={"do": "won", "amount": "1,250.00", "currency": "usd"})
    assert await handoff.state(lead) == "won"
    assert "Closed: won." in (await client.get(link)).text
    contradiction = await client.post(link, data={"do": "lost", "reason": "price"})
    assert "This lead is already won" in contradiction.text


@pytest.mark.parametrize(
    ("do", "typed", "at"),
    [
        ("won", {"amount": "1250,50", "currency": "EUR"}, "amount"),
        ("won", {"amount": "1250.50", "currency": 'E"R'}, "currency"),
        ("recycle", {"reason": " "}, "reason-recycle"),
    ],
)
async def test_what_was_mistyped_comes_back_as_it_was_typed_and_the_field_says_so(
    handoff: Handoff, client: httpx.AsyncClient, do: str, typed: dict[str, str], at: str
) -> None:
    await handoff.qualify()
    (mail,) = await handoff.mails()
    await client.post(link_in(mail), data={"do": "accept"})
    answer = await client.post(link_in(mail), data={"do": do, **typed})
    fields = {one[1]: one[0] for one in re.findall(r'(<input id="([^"]+)"[^>]*>)', answer.text)}
    assert answer.status_code == 422
    assert "<title>Error: Your lead</title>" in answer.text
    assert 'role="alert" id="wrong"' in answer.text
    assert [id for id, field in fields.items() if 'aria-invalid="true" aria-describedby="wrong"' in field] == [at]
    for name, value in typed.items():
        assert name == "reason" or f'value="{value}"' in unescape(fields[name])


async def test_the_currency_is_preset_only_where_the_company_sells_in_dollars(
    handoff: Handoff, client: httpx.AsyncClient
) -> None:
    await handoff.qualify()
    (mail,) = await handoff.mails()
    await client.post(link_in(mail), data={"do": "accept"})
    assert 'name="currency" value="USD"' in (await client.get(link_in(mail))).text
    handoff.now += timedelta(seconds=1)
    async with handoff.database.transaction() as unit:
        await apply_agreement(unit, SHIPPED.replace('country = "US"', 'country = "DE"'), ["m", "s"], handoff.now)
    assert 'name="currency" value=""' in (await client.get(link_in(mail))).text


@pytest.mark.parametrize(
    ("typed", "currency", "taken"),
    [
        ("1250,50", "EUR", None),  # a comma for cents is not one for thousands
        ("1.250,50", "EUR", None),
        ("1.250", "EUR", None),
        ("12,50.00", "USD", None),
        ("1e3", "USD", None),
        ("100,000,000,000", "USD", None),
        ("1,250", "USD", "1250"),
        ("1250.5", "EUR", "1250.5"),
        ("1250.125", "KWD", "1250.125"),
    ],
)
async def test_an_amount_is_taken_as_it_was_meant_or_asked_for_again(
    handoff: Handoff, client: httpx.AsyncClient, typed: str, currency: str, taken: str | None
) -> None:
    lead = await handoff.qualify()
    (mail,) = await handoff.mails()
    answer = await client.post(link_in(mail), data={"do": "won", "amount": typed, "currency": currency})
    won = [event["amount"] for event in await handoff.published(lead) if event["type"] == "lead.won"]
    assert won == ([taken] if taken else [])
    assert ("Please enter the amount as a number" in answer.text) == (taken is None)


async def test_the_link_of_a_rep_who_has_left_shows_and_does_nothing(handoff: Handoff, client: httpx.AsyncClient) -> None:
    lead = await handoff.qualify()
    (mail,) = await handoff.mails()
    for said in ({"do": "accept"}, {"do": "won", "amount": "10", "currency": "USD"}):
        await client.post(link_in(mail), data=said)
    assert CONTACT["phone"] in (await client.get(link_in(mail))).text
    async with handoff.database.transaction() as unit:
        await people.leave(unit, (await offers(handoff))[0]["rep_id"], handoff.now)
    before = await handoff.types(lead)
    for page in (await client.get(link_in(mail)), await client.post(link_in(mail), data={"do": "contacted"})):
        assert "No longer yours" in page.text
        assert CONTACT["phone"] not in page.text
    assert await handoff.types(lead) == before


async def test_who_leaves_can_not_act_while_their_leads_are_handed_on(handoff: Handoff, client: httpx.AsyncClient) -> None:
    lead = await handoff.qualify()
    (mail,) = await handoff.mails()
    await change(handoff, (await handoff.active(lead))["rep_id"], state="left")
    assert "No longer yours" in (await client.post(link_in(mail), data={"do": "accept"})).text
    assert "assignment.accepted" not in await handoff.types(lead)


@pytest.mark.parametrize("token", ["x", "x.y", "e30.AAAA", "a" * 500])
async def test_a_link_that_is_not_ours_opens_nothing(client: httpx.AsyncClient, token: str) -> None:
    for path in (f"/a/{token}", f"/mine/{token}"):
        assert (await client.get(path)).status_code == 404
    assert (await client.post(f"/a/{token}", data={"do": "accept"})).status_code == 404


async def test_a_forged_or_outlived_link_opens_nothing(handoff: Handoff, client: httpx.AsyncClient) -> None:
    await handoff.qualify()
    (mail,) = await handoff.mails()
    link = link_in(mail)
    assert (await client.get(link[:-1] + ("A" if link[-1] != "A" else "B"))).status_code == 404
    await handoff.pass_time(days=31)
    assert LINKS.read_offer(link.removeprefix("/a/"), handoff.now) is None


async def test_what_a_name_says_stays_text_in_headers_mails_and_pages(handoff: Handoff, client: httpx.AsyncClient) -> None:
    await handoff.qualify(contact=HOSTILE, message="<img src=x onerror=alert(1)>", selection="x\r\nBcc: a@evil.example")
    (mail,) = await handoff.mails()
    parsed: Any = message_from_bytes(mail.as_bytes(), policy=email.policy.default)
    assert parsed["Bcc"] is None
    page = (await client.get(link_in(mail))).text
    for shown in (text_of(mail, "html"), page):
        assert "<script>" not in shown
        assert "<img src=x" not in shown
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown


def test_nothing_of_a_name_makes_a_line() -> None:
    assert one_line("a\r\nBcc: b\x00\u2028c\x85d") == "a Bcc: b c d"


async def test_the_pages_are_private_and_run_no_script(handoff: Handoff, client: httpx.AsyncClient) -> None:
    await handoff.qualify()
    (mail,) = await handoff.mails()
    answer = await client.get(link_in(mail))
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "<script" not in answer.text


async def test_a_rep_finds_all_their_leads_behind_one_link(handoff: Handoff, client: httpx.AsyncClient) -> None:
    leads = [await handoff.qualify() for _ in range(4)]
    rosa = (await handoff.active(leads[0]))["rep_id"]
    page = await client.get(LINKS.leads_of(rosa, handoff.now).removeprefix(BASE))
    assert page.text.count("please answer by") == 2
    link = re.search(rf"{BASE}(/a/[^\"]+)", page.text)
    assert link
    assert "Ada Case" in (await client.get(link[1])).text


async def test_a_crowd_of_offers_is_one_mail(handoff: Handoff) -> None:
    for _ in range(14):
        await handoff.qualify()
    mails = await handoff.mails()
    assert [mail["Subject"] for mail in mails] == ["7 new leads wait for your answer"] * 2
    assert await handoff.mails() == []


async def test_an_offer_that_was_answered_meanwhile_is_not_mailed(handoff: Handoff) -> None:
    lead = await handoff.qualify()
    await handoff.hear(events.OutcomeContacted(lead_id=lead))
    assert await handoff.mails() == []


async def test_the_owner_hears_when_their_client_reaches_out_answers_or_is_unhappy(handoff: Handoff) -> None:
    lead = await handoff.qualify()
    person = (await handoff.active(lead))["lead_id"]
    await handoff.mails()
    touched = {"lead_id": lead, "person_id": person, "form": "contact", "message": "Still dripping!", "received_at": handoff.now}
    await handoff.hear(
        events.LeadTouched.model_validate(touched),
        events.RecoveryNeeded(client_id=person, lead_id=lead, reason="2 stars"),
        events.ReplyReceived(client_id=person, lead_id=lead, at=handoff.now),
    )
    mails = {mail["Subject"]: text_of(mail) for mail in await handoff.mails()}
    assert "They wrote: “Still dripping!”" in mails["A lead of yours reached out again"]
    assert mails["A lead of yours reached out again"].count("Still dripping!") == 1  # and not in the brief once more
    assert "2 stars" in mails["A client of yours is not happy"]
    assert "A client of yours has answered" in mails


@pytest.mark.parametrize("taken_over", [True, False])
async def test_a_notice_goes_to_whoever_has_the_lead_when_it_is_sent(handoff: Handoff, taken_over: bool) -> None:
    lead = await handoff.qualify()
    before = await handoff.active(lead)
    if not taken_over:  # nobody has it then: the managers decide
        (away,) = [row["id"] for row in await reps_of(handoff) if row["id"] != before["rep_id"]]
        await change(handoff, away, manager=True, state="paused")
    touched = {"lead_id": lead, "person_id": uuid7(), "form": "contact", "message": "Hurry!", "received_at": handoff.now}
    await handoff.hear(events.LeadTouched.model_validate(touched))
    async with handoff.database.transaction() as unit:
        await command_assignment(unit, before["id"], "declined", {"reason": "busy"}, handoff.now)
    (told,) = [mail for mail in await handoff.mails() if "reached out again" in mail["Subject"]]
    (other,) = [row["email"] for row in await reps_of(handoff) if row["id"] != before["rep_id"]]
    assert told["To"].addresses[0].addr_spec == other
    assert "Ada Case" in text_of(told)
    assert (f"{BASE}/a/" in text_of(told)) == taken_over


async def test_a_notice_of_a_lead_that_was_merged_goes_to_whoever_has_its_survivor(handoff: Handoff) -> None:
    lead, survivor, person = await handoff.qualify(), await handoff.qualify(), uuid7()
    (owner,) = [row for row in await reps_of(handoff) if row["id"] == (await handoff.active(survivor))["rep_id"]]
    await handoff.hear(events.OutcomeWon(lead_id=survivor, amount=Decimal(10), currency="USD"))
    touched = {"lead_id": lead, "person_id": person, "form": "contact", "message": "Hurry!", "received_at": handoff.now}
    await handoff.hear(
        events.LeadTouched.model_validate(touched), events.LeadMerged(lead_id=lead, person_id=person, into=survivor)
    )
    (told,) = [mail for mail in await handoff.mails() if "reached out again" in mail["Subject"]]
    assert told["To"].addresses[0].addr_spec == owner["email"]
    assert "Hurry!" in text_of(told)
    assert f"{BASE}/a/" in text_of(told)


async def test_where_nobody_manages_the_company_hears_of_what_a_manager_would(handoff: Handoff) -> None:
    for rep in [row["id"] for row in await reps_of(handoff)]:
        await change(handoff, rep, state="paused")
    lead, person = await handoff.qualify(), uuid7()
    await handoff.pass_time(minutes=61)
    await handoff.hear(events.RecoveryNeeded(client_id=person, lead_id=lead, reason="2 stars"))
    told = {mail["Subject"]: mail for mail in await handoff.mails()}
    for subject, says in (("A lead needs a manager", "Nobody could take"), ("A client of yours is not happy", "2 stars")):
        assert told[subject]["To"].addresses[0].addr_spec == "hello@localhost"
        assert says in text_of(told[subject])
        assert str(lead) in text_of(told[subject])
        assert CONTACT["phone"] not in text_of(told[subject])


async def test_what_they_give_when_they_reach_out_again_stands_in_mail_page_and_brief(
    handoff: Handoff, client: httpx.AsyncClient
) -> None:
    lead, person = await handoff.qualify(answers={"floor": "2nd"}), uuid7()
    await handoff.mails()
    touched = {"lead_id": lead, "person_id": person, "form": "contact", "received_at": handoff.now}
    await handoff.hear(events.LeadTouched.model_validate(touched))  # as it was before it carried a contact
    again = CONTACT | {"email": "ada@correct.example"}
    for more in ({"answers": {"floor": "2nd", "dog": "yes"}}, {}):
        await handoff.hear(events.LeadTouched.model_validate(touched | {"contact": again} | more))
    assignment = (await handoff.active(lead))["id"]
    brief = (await client.get(f"/v1/assignments/{assignment}/brief")).json()
    assert (brief["email"], brief["also_gave"]) == (CONTACT["email"], [["email", "ada@correct.example"], ["dog", "yes"]])
    mail = (await handoff.mails())[-1]
    for shown in (text_of(mail), text_of(mail, "html"), (await client.get(link_in(mail))).text):
        assert "They also gave: email: ada@correct.example, dog: yes" in shown
    await handoff.hear(events.PersonErased(lead_id=lead, person_id=person))
    async with handoff.database.reading() as unit:
        assert await unit.value("SELECT count(*) FROM lead WHERE snapshot::text LIKE '%correct%'") == 0


async def test_what_they_write_when_they_reach_out_again_is_known_to_the_next_rep(handoff: Handoff) -> None:
    lead, more = await handoff.qualify(), "It floods the cellar. " + "Please hurry! " * 40
    touched = {"lead_id": lead, "person_id": uuid7(), "form": "contact", "received_at": handoff.now}
    for message in ("The tap drips.", more, ""):
        await handoff.hear(events.LeadTouched.model_validate(touched | {"message": message}))
    await handoff.pass_time(minutes=6)
    (offer,) = [mail for mail in await handoff.mails() if mail["Subject"].startswith("New lead")]
    assert f"They also gave: message: {more.strip()}" in " ".join(text_of(offer).split())
    async with handoff.client() as client:
        brief = (await client.get(f"/v1/assignments/{(await handoff.active(lead))['id']}/brief")).json()
    assert brief["also_gave"] == [["message", more]]


@pytest.mark.parametrize(("answer", "again"), [("again", 1), ("never", 0), ("sent", 0)])
async def test_a_mail_that_could_not_be_sent_is_due_again(handoff: Handoff, answer: str, again: int) -> None:
    await handoff.qualify(tier="P3")
    async with handoff.database.transaction() as unit:
        outgoing, _ = await claim_mails(unit, LINKS, handoff.now)
        await settle_mails(unit, outgoing, [answer])
    assert await handoff.mails() == []  # its lease has not ended
    handoff.now += timedelta(minutes=2)
    assert len(await handoff.mails()) == again


@pytest.mark.parametrize(
    ("answers", "again"), [(["again", "sent"], 2), (["sent", "again"], 2), (["never", "sent"], 0), (["never", "never"], 0)]
)
async def test_every_manager_is_told_also_one_whose_mail_must_wait(handoff: Handoff, answers: list[str], again: int) -> None:
    for rep in await reps_of(handoff):
        await change(handoff, rep["id"], manager=True, state="paused")
    await handoff.qualify()
    await handoff.pass_time(minutes=61)
    async with handoff.database.transaction() as unit:
        outgoing, _ = await claim_mails(unit, LINKS, handoff.now)
        await settle_mails(unit, outgoing, answers)
    handoff.now += timedelta(minutes=5)
    assert len([mail for mail in await handoff.mails() if mail["Subject"] == "A lead needs a manager"]) == again


async def test_a_crowd_of_offers_to_one_rep_is_one_mail_however_many_are_due(handoff: Handoff) -> None:
    for _ in range(2 * AT_ONCE):
        await handoff.qualify()
    async with handoff.database.transaction() as unit:
        outgoing, _ = await claim_mails(unit, LINKS, handoff.now)
    assert sorted(one.mail.to for one in outgoing) == ["rosa@maple.example", "sam@maple.example"]
    assert sum(len(one.job_ids) for one in outgoing) == 2 * AT_ONCE


async def test_offers_that_are_no_longer_open_make_no_crowd(handoff: Handoff) -> None:
    for _ in range(20):
        await handoff.qualify()
    async with handoff.database.transaction() as unit:
        await unit.execute(
            "UPDATE assignment SET state = 'accepted' WHERE id IN (SELECT id FROM assignment ORDER BY id LIMIT 16)"
        )
        assert len(await store.mails.claim(unit, handoff.now, timedelta(seconds=60), 1, crowd=5)) == 1


async def test_a_full_claim_says_that_more_may_be_due(handoff: Handoff) -> None:
    for _ in range(AT_ONCE + 1):
        await handoff.qualify()
    async with handoff.database.transaction() as unit:
        first, more = await claim_mails(unit, LINKS, handoff.now)
        rest, even_more = await claim_mails(unit, LINKS, handoff.now)
    assert (more, even_more) == (True, False)
    told = [job_id for one in [*first, *rest] for job_id in one.job_ids]
    assert len(set(told)) == len(told) == AT_ONCE + 1
    assert len(first) < AT_ONCE / 5  # a crowd is one mail to each rep


class Inbox:
    def __init__(self) -> None:
        self.mails: list[bytes] = []

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if address.startswith("nobody"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.mails.append(envelope.content)
        return "250 OK"


async def test_mails_go_out_by_smtp_and_one_bad_address_stops_no_other(handoff: Handoff) -> None:
    await handoff.qualify()
    async with handoff.database.transaction() as unit:
        outgoing, _ = await claim_mails(unit, LINKS, handoff.now)
    mail, port, inbox = outgoing[0].mail, free_ports(1)[0], Inbox()
    bad = replace(mail, to="nobody@maple.example")
    server = Controller(inbox, hostname="127.0.0.1", port=port)
    await asyncio.to_thread(server.start)
    try:
        assert await Smtp(f"smtp://127.0.0.1:{port}").send([bad, mail]) == ["never", "sent"]
    finally:
        await asyncio.to_thread(server.stop)
    assert b"The tap drips." in inbox.mails[0]
    assert await Smtp(f"smtp://127.0.0.1:{port}").send([mail]) == ["again"]


async def test_a_relay_that_will_not_take_our_sender_is_asked_again() -> None:
    mail = Mail("hello@maple.example", "rosa@maple.example", b"Subject: hello\r\n\r\n")
    async with scripted_relay(answers={"MAIL FROM": "553 sender not allowed", "RSET": "250 ok"}) as relay:
        assert await Smtp(relay.url).send([mail, mail]) == ["again", "again"]


async def test_a_relay_without_encryption_gets_no_password_and_no_mail_where_it_is_required() -> None:
    mail = Mail("hello@maple.example", "rosa@maple.example", b"Subject: a client's number\r\n\r\n")
    async with scripted_relay(capabilities=("AUTH PLAIN",)) as relay:
        required = Smtp(relay.url.replace("smtp://", "smtp+starttls://user:secret@"))
        assert await required.send([mail, mail]) == ["again", "again"]
        elsewhere = Smtp(relay.url.replace("smtp://127.0.0.1", "smtp://user:secret@0.0.0.0"))  # not named as this machine
        assert await elsewhere.send([mail]) == ["again"]
        assert not any(line.startswith(("AUTH", "MAIL", "DATA")) for line in relay.lines)
        assert await Smtp(relay.url).send([mail]) == ["sent"]


@pytest.mark.parametrize(
    "url", ["smtp://mail.example.com", "smtp+starttls://u:p@mail.example.com", "smtps://[::1]:465", "off", ""]
)
def test_the_address_of_a_relay_is_taken(url: str) -> None:
    assert Settings(smtp_url=url).smtp_url == url


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.com:587",
        "https://mail.example.com",
        "smpts://mail.example.com",
        "smtp://",
        "smtp://u:top/secret@mail.example.com",
    ],
)
def test_what_is_no_address_of_a_relay_stops_the_start_with_a_sentence(url: str) -> None:
    with pytest.raises(ValueError, match=r"a relay's address is smtp://, smtp\+starttls:// or smtps://") as error:
        Settings(smtp_url=url)
    assert "secret" not in str(error.value.errors(include_input=False))  # type: ignore[attr-defined]
