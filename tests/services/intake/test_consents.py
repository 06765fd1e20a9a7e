"""Consent: evidence that only grows, the fold of it, and who hears of it."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.consent import Answer, allowed, current, in_order, said_and_revoked
from services.intake.use_cases.consents import consents_of, keep_consents
from shared import events
from shared.envelope import Received
from tests.services.intake.conftest import Doors
from tests.services.intake.support import NOW, Intake, command, plus_newsletter

ADA: dict[str, Any] = {"last_name": "Byron", "email": "ada@maple.example", "selection": "estimate"}


def yes(purpose: str | None = None, channel: str = "email") -> Answer:
    return Answer(channel, purpose, True)


def no(purpose: str | None = None, channel: str = "email") -> Answer:
    return Answer(channel, purpose, False)


TIMES = st.sampled_from([{}, *({"at": NOW + timedelta(hours=hours)} for hours in range(4))])
PURPOSES = st.sampled_from([None, "review", "marketing"])
ANSWERS = st.lists(st.builds(Answer, st.sampled_from(["email", "sms"]), PURPOSES, st.booleans(), evidence=TIMES), max_size=12)


def test_the_latest_answer_counts_and_nothing_at_all_means_it() -> None:
    assert allowed([], "email", "review") is None
    assert allowed([yes("review"), no("review")], "email", "review") is False
    assert allowed([no("review"), yes()], "email", "review") is True
    assert allowed([no(), yes("review")], "email", "review") is False
    assert allowed([no("review")], "email", "marketing") is None
    assert allowed([no(channel="sms")], "email", "review") is None


@given(ANSWERS, ANSWERS)
def test_what_was_revoked_and_not_granted_anew_is_always_said(earlier: list[Answer], said: list[Answer]) -> None:
    told = said_and_revoked(said, earlier)
    for channel in ("email", "sms"):
        for purpose in ("review", "marketing"):
            if allowed(in_order([*earlier, *said]), channel, purpose) is False:
                assert allowed(told, channel, purpose) is allowed(in_order(told), channel, purpose) is False
    assert current(current(earlier)) == current(earlier)


def consent(granted: bool, **more: Any) -> dict[str, Any]:
    return {"channel": "email", "purpose": None, "granted": granted, "text": "May we write?", **more}


async def test_the_evidence_says_what_was_shown_where_and_to_whom(intake: Intake) -> None:
    around = {"page_url": "https://maple.example/?for=ada", "ip": "192.0.2.0", "user_agent": "Browser", "form_version": "3"}
    said = consent(True, version="2026-05", checkbox="news", seller="Maple Plumbing")
    await intake.lead(**ADA, consents=[said], evidence=around)
    row = (await intake.rows("SELECT * FROM consent"))[0]
    assert {name: row[name] for name in around} == around
    assert (row["text_version"], row["checkbox"], row["seller"], row["source"]) == (
        "2026-05",
        "news",
        "Maple Plumbing",
        "submission",
    )
    assert row["text_sha256"] == "bc8aa6674e02c4121ccf655a0025805ee506f6c81d9faacc9d487c9dde84b219"
    (told,) = (await intake.events("lead.qualified"))[-1]["consents"]
    assert datetime.fromisoformat(told.pop("at")) == row["at"]
    assert told.pop("page_url") == "https://maple.example/", "its place, not what may name somebody"
    assert told == {**{name: row[name] for name in told}, "granted": True}
    assert (told["form_version"], told["seller"]) == ("3", "Maple Plumbing")
    assert not {"ip", "user_agent"} & set(told)
    await intake.lead(**ADA | {"selection": "maintenance"}, consents=[consent(False, seller="Other")])
    await intake.lead(**ADA | {"selection": "question"})
    (still,) = (await intake.events("lead.qualified"))[-1]["consents"]
    assert (still["granted"], still["seller"]) == (False, "Other"), "what stands from earlier keeps its own evidence"


async def test_a_no_is_an_event_at_once_and_travels_with_later_leads_until_there_is_a_yes(intake: Intake) -> None:
    first = await intake.lead(**ADA, consents=[consent(False)])
    revoked = (await intake.events("consent.revoked"))[0]
    assert (revoked["lead_id"], revoked["channel"], revoked["purpose"]) == (str(first), "email", None)
    await intake.lead(**ADA | {"selection": "maintenance"})
    await intake.lead(**ADA | {"selection": "question"}, consents=[consent(True)])
    said = [[one["granted"] for one in event["consents"]] for event in await intake.events("lead.qualified")]
    assert said == [[False], [False], [True]]


@pytest.mark.parametrize("written", ["Email", " e-mail", "E-Mail"])
async def test_a_no_counts_however_its_channel_is_written(intake: Intake, written: str) -> None:
    await intake.lead(**ADA, consents=[consent(True)])
    await intake.lead(**ADA | {"selection": "question"}, consents=[consent(False, channel=written, purpose="Marketing ")])
    revoked = (await intake.events("consent.revoked"))[0]
    assert (revoked["channel"], revoked["purpose"]) == ("email", "marketing")
    rows = await intake.rows("SELECT channel, purpose, granted FROM consent ORDER BY at, id")
    assert [tuple(row) for row in rows] == [("email", None, True), ("email", "marketing", False)]


async def test_a_yes_on_a_touch_is_an_event_for_no_lead_carries_it(intake: Intake) -> None:
    first = await intake.lead(**ADA)
    await intake.lead(**ADA, message="me again", consents=[consent(True, purpose="marketing")])
    granted = (await intake.events("consent.granted"))[0]
    assert (granted["lead_id"], granted["consent"]["purpose"]) == (str(first), "marketing")


@pytest.mark.parametrize("selection", ["estimate", "maintenance"])  # raised again, and another need
async def test_a_yes_that_was_set_aside_and_taken_back_meanwhile_is_not_told(intake: Intake, selection: str) -> None:
    await intake.lead(**ADA)
    await intake.lead(**ADA | {"selection": "question"}, consents=[consent(False)], at=NOW + timedelta(hours=1))
    yes = [consent(True), consent(True, channel="sms")]
    await intake.lead(**ADA | {"selection": selection}, consents=yes, at=NOW, message="It drips.")  # released by now
    granted = [one["consent"] for one in await intake.events("consent.granted")]
    told = [*granted, *(await intake.events("lead.qualified"))[-1]["consents"]]
    assert {one["channel"] for one in told if one["granted"]} == {"sms"}
    assert [one["granted"] for one in await intake.rows("SELECT granted FROM consent WHERE channel = 'email' ORDER BY at")] == [
        True,
        False,
    ]


async def test_a_yes_taken_back_before_its_lead_qualifies_is_not_told_again(intake: Intake) -> None:
    await intake.agree(plus_newsletter(), at=NOW)
    asked = ADA | {"selection": "newsletter"}
    await intake.lead(**asked, consents=[consent(True)])
    await intake.lead(**asked, consents=[consent(False)], at=NOW + timedelta(hours=1))
    for day in range(1, 9):
        await intake.lead(**asked, at=NOW + timedelta(days=day))
    (lead,) = await intake.events("lead.qualified")
    assert [one["granted"] for one in lead["consents"]] == [False]


async def test_what_followup_heard_is_kept_and_not_echoed(intake: Intake) -> None:
    person = await intake.person_of(await intake.lead(**ADA))
    heard = [
        Received("followup.touches.v1", str(one), str(uuid4()), "/followup", said, NOW, None)
        for one, said in (
            (person, events.ConsentRevoked(person_id=person, channel="email")),
            (person, events.ConsentGranted(person_id=person, lead_id=person, consent={"channel": "email", "granted": True})),
            (person, events.ConsentRevoked(person_id=person, channel="email", purpose="review", reason="unsubscribed")),
            (uuid4(), events.ConsentRevoked(person_id=uuid4(), channel="email")),
        )
    ]
    async with intake.database.transaction() as unit:
        await keep_consents(unit, heard, NOW)
        current = (await consents_of(unit, person))["current"]
    rows = await intake.rows("SELECT person_id, purpose, granted, source, reason FROM consent ORDER BY id")
    assert [tuple(row) for row in rows] == [
        (person, None, False, "followup", "request"),
        (person, None, True, "followup", "request"),
        (person, "review", False, "followup", "unsubscribed"),
    ]
    assert [(one["purpose"], one["granted"]) for one in current] == [(None, True), ("review", False)]
    assert await intake.events("consent.revoked") == await intake.events("consent.granted") == []


async def test_by_api_and_command_it_is_a_row_and_an_event(intake: Intake, doors: Doors, keyed: dict[str, str]) -> None:
    person = await intake.person_of(await intake.lead(**ADA))
    url = f"/v1/persons/{person}/consents"
    answer = await doors.http.post(url, json={"channel": "SMS", "granted": False}, headers=keyed)
    assert answer.status_code == 201
    await command(intake, "persons", "consent", "ada@maple.example", "--channel", "E-Mail", "--granted", "--text", "On the phone")
    found = (await doors.http.get(url, headers=keyed)).json()
    assert {(one["channel"], one["granted"]) for one in found["current"]} == {("sms", False), ("email", True)}
    assert [row["source"] for row in found["evidence"]] == ["api", "cli"]
    assert [event["channel"] for event in await intake.events("consent.revoked")] == ["sms"]
    assert (await intake.events("consent.granted"))[0]["consent"]["text"] == "On the phone"


async def test_bad_requests_about_consent_are_said_so(doors: Doors, intake: Intake, keyed: dict[str, str]) -> None:
    unknown = f"/v1/persons/{UUID(int=7)}/consents"
    assert (await doors.http.post(unknown, json={"channel": "sms", "granted": False})).status_code == 401
    assert (await doors.http.post(unknown, json={"channel": "sms", "granted": False}, headers=keyed)).status_code == 404
    refused = await command(intake, "persons", "consent", "ada@maple.example", "--channel", "emial", "--revoked", fails=True)
    assert "the channels are email, sms, phone, post" in refused
    said = [("emial", False), ("", True), ("e\x00", True), ("sms", "x")]
    for body in ({}, *({"channel": channel, "granted": granted} for channel, granted in said)):
        answer = await doors.http.post(unknown, json=body, headers=keyed)
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"


async def test_what_a_form_showed_is_evidence_from_the_door_to_the_row(doors: Doors, intake: Intake) -> None:
    lead = ADA | {"first_name": "Ada", "phone": "(419) 555-2001", "message": "The tap drips."}
    lead["consents"] = [{"channel": "email", "granted": True, "text": "May we write?"}]
    seen = {"User-Agent": "Browser", "Referer": "https://maple.example/contact"}
    assert (await doors.http.post("/f/contact", json=lead, headers=seen)).status_code == 202
    await intake.qualify()
    row = (await intake.rows("SELECT * FROM consent"))[0]
    assert (row["user_agent"], row["form"], row["form_version"], row["granted"]) == ("Browser", "contact", "1", True)
    assert (row["ip"], row["page_url"]) == ("127.0.0.1", "https://maple.example/contact")
