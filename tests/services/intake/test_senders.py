"""Every sender proves itself on the raw bytes, is understood, and loses nothing."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from services.intake.adapters.senders.described import ticked_box
from services.intake.domain.aliases import canonical, guess
from services.intake.store import endpoints as store
from services.intake.use_cases.hear_sender import HOOKS
from tests.services.intake import senders
from tests.services.intake.conftest import Doors
from tests.services.intake.sender_cases import CALL, GRAVITY, HUBSPOT, JSON, SECRETS, THUMBTACK, TOLD, Sent, form
from tests.services.intake.senders import SECRET


async def endpoint(doors: Doors, kind: str, secret: str | None = SECRET, **more: str) -> str:
    made = f"endpoint-of-{kind}"
    async with doors.database.transaction() as unit:
        row = {"id": made, "kind": kind, "form": "api", "secret": secret, "created_at": datetime.now(UTC), **more}
        await store.add(unit, row)
    return f"/hooks/{made}"


@pytest.mark.parametrize("name", TOLD)
async def test_a_lead_is_read_from_every_sender(doors: Doors, name: str) -> None:
    kind, (body, headers), wanted = TOLD[name]
    path = await endpoint(doors, kind, SECRETS.get(kind))
    answer = await doors.http.post(path, content=body, headers=headers)
    assert (answer.status_code, type(answer.json())) == (200, dict)
    found = await doors.only_submission()
    assert (found["state"], found["reason"], found["test"]) == ("waiting", None, False)
    told = {**found["content"]["fields"], "external_id": found["content"]["external_id"]}
    assert {key: told.get(key) for key in wanted} == wanted
    again = await doors.http.post(path, content=body, headers=headers)
    assert again.json()["lead_id"] == answer.json()["lead_id"]
    assert len(await doors.submissions()) == 1


@pytest.mark.parametrize("name", [name for name, (_, _, wanted) in TOLD.items() if "external_id" in wanted])
async def test_a_senders_own_id_makes_it_one_lead_long_after_its_content_is_forgotten(doors: Doors, name: str) -> None:
    kind, (body, headers), _ = TOLD[name]
    path = await endpoint(doors, kind, SECRETS.get(kind))
    first = await doors.http.post(path, content=body, headers=headers)
    await doors.forget_contents()
    again = await doors.http.post(path, content=body, headers=headers)
    assert again.json()["lead_id"] == first.json()["lead_id"]
    assert len(await doors.submissions()) == 1


async def test_what_surrounds_a_lead_is_kept_as_well(doors: Doors) -> None:
    body = senders.typeform()
    await doors.http.post(await endpoint(doors, "typeform"), content=body, headers=JSON | senders.typeform_signature(body))
    content = (await doors.only_submission())["content"]
    assert content["attribution"] == {"utm_source": "radio"}
    assert content["consents"] == [{"channel": "sms", "purpose": None, "granted": True, "text": "Text me reminders"}]
    assert content["answers"]["Mail me the newsletter"] is False, "an unticked box is no consent, and no refusal either"


@pytest.mark.parametrize(
    ("kind", "body", "headers"),
    [
        ("meta", senders.meta_notice(1), {}),
        ("meta", senders.meta_notice(1), senders.meta_signature(senders.meta_notice(2))),
        ("meta", senders.meta_notice(1), senders.meta_signature(senders.meta_notice(1), "other")),
        (
            "meta",
            senders.meta_notice(1),
            {"X-Hub-Signature": "sha1=" + senders.digest(senders.meta_notice(1), algorithm="sha1").hex()},
        ),
        ("meta", senders.meta_notice(1), {"X-Hub-Signature-256": "sha256=é".encode().decode("latin-1")}),
        ("typeform", senders.typeform(), {"Typeform-Signature": "sha256=" + senders.digest(senders.typeform()).hex()}),
        ("google", senders.google(google_key="wrong"), {}),
        ("google", senders.google(google_key=None), {}),
        ("google", b"{", {}),
        ("thumbtack", senders.as_json(THUMBTACK), {"Authorization": "Basic ///"}),
        ("generic", b"{}", {"Authorization": "Bearer wrong"}),
        ("standard", b"{}", senders.standard_signature(b"{}", b"k" * 24, time.time() - 301)),
        ("standard", b"{}", senders.standard_signature(b"{}", b"other" * 6, time.time())),
        (
            "hubspot",
            b"{}",
            senders.hubspot_v3_signature(b"{}", "http://127.0.0.1:8001/hooks/endpoint-of-hubspot", time.time() - 400),
        ),
    ],
)
async def test_who_does_not_prove_it_is_refused_and_nothing_is_stored(
    doors: Doors, kind: str, body: bytes, headers: dict[str, str]
) -> None:
    secret = "whsec_a2tra2tra2tra2tra2tra2tra2tra2tr" if kind == "standard" else SECRET
    raw = {**JSON, **{name: value.encode("latin-1", "replace") for name, value in headers.items()}}
    counted = HOOKS.labels(kind, "unverified")._value
    before = counted.get()
    answer = await doors.http.post(await endpoint(doors, kind, secret), content=body, headers=raw)
    assert (answer.status_code, counted.get()) == (401, before + 1)
    assert answer.headers["content-type"] == "application/problem+json"
    assert await doors.submissions() == []


async def test_standard_webhooks_and_hubspot_signatures_are_taken(doors: Doors) -> None:
    lead = senders.as_json({"type": "lead.created", "data": {"name": "Grace Hopper", "email": "grace@example.net"}})
    path = await endpoint(doors, "standard", "whsec_a2tra2tra2tra2tra2tra2tra2tra2tr")
    headers = senders.standard_signature(lead, b"kkkkkkkkkkkkkkkkkkkkkkkk", time.time())
    assert (await doors.http.post(path, content=lead, headers=JSON | headers)).status_code == 200
    path = await endpoint(doors, "hubspot")
    body = senders.as_json(HUBSPOT)
    headers = senders.hubspot_v3_signature(body, f"http://127.0.0.1:8001{path}", time.time())
    assert (await doors.http.post(path, content=body, headers=JSON | headers)).status_code == 200
    assert len(await doors.submissions()) == 2


async def test_both_secrets_are_in_force_while_one_is_changed(doors: Doors) -> None:
    path, body = await endpoint(doors, "meta", "new", old_secret="old"), senders.meta_notice(5)
    for secret, status in (("new", 200), ("old", 200), ("older", 401)):
        answer = await doors.http.post(path, content=body, headers=JSON | senders.meta_signature(body, secret))
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("kind", "sent", "reason"),
    [
        ("generic", (b"\xff\xfe nonsense", {}), "no valid email or phone"),
        ("generic", (b"{oops", JSON), "not valid JSON"),
        ("generic", (b"[1, 2]", JSON), "not a JSON object"),
        ("generic", (b"", {}), "The body is empty"),
        ("generic", (b'{"email": "no", "phone": "12"}', JSON), "email: This isn't a valid email address."),
        ("generic", (b'{"a": ' * 300 + b"1" + b"}" * 300, JSON), "no valid email or phone"),
        ("jotform", senders.jotform(raw="{oops"), "rawRequest is not JSON"),
        ("typeform", (b'{"form_response": 7}', JSON), "no form_response"),
        ("typeform", (senders.typeform(event_type="form_response_partial"), JSON), "not a finished response"),
        ("gravity", form(**GRAVITY, status="spam"), "marked as spam by the sender"),
        ("thumbtack", (b'{"customer": []}', JSON), "no customer and request"),
        ("elementor", form(**{"fields[a]": "1", "fields[a][b][c]": "2", "x[": "3"}), "no valid email or phone"),
        ("callrail", (senders.as_json({**CALL, "direction": "outbound"}), JSON), "a call made by us"),
    ],
)
async def test_what_cannot_be_a_lead_yet_is_kept_with_its_reason(doors: Doors, kind: str, sent: Sent, reason: str) -> None:
    answer = await doors.http.post(await endpoint(doors, kind, None), content=sent[0], headers=sent[1])
    assert answer.status_code == 200
    found = await doors.only_submission()
    assert found["state"] == "quarantined"
    assert reason in found["reason"]


@pytest.mark.parametrize(
    ("ticked", "kept"),
    [
        ({"9.1": "", "9.2": "", "9.3": "Water heater"}, ["Water heater"]),
        ({"9.3": "Water heater"}, ["Water heater"]),
        ({"9.1": "", "9.2": "", "9.3": "Leak", "9.4": "", "9.5": "", "9.6": "Drain"}, ["Leak", "Drain"]),
        ({"9.1": "Phone call", "9.2": "Text message", "9.3": "Email"}, ["Phone call", "Text message", "Email"]),
        ({f"9.{n}": f"Service {n}" for n in range(1, 6)}, [f"Service {n}" for n in range(1, 6)]),
    ],
)
async def test_boxes_of_gravity_are_answers_and_no_name_address_or_consent(
    doors: Doors, ticked: dict[str, str], kept: list[str]
) -> None:
    asked = {key: value for key, value in GRAVITY.items() if not key.startswith("6.")} | ticked
    body, headers = form(**asked)
    await doors.http.post(await endpoint(doors, "gravity", None), content=body, headers=headers)
    content = (await doors.only_submission())["content"]
    assert (content["fields"]["first_name"], content["fields"]["last_name"]) == ("Grace", "Hopper")
    assert (content["answers"]["9"], content["consents"], "postal_code" in content["fields"]) == (kept, [], False)


async def test_an_address_and_a_consent_of_gravity_are_known_by_their_parts(doors: Doors) -> None:
    home = {"8.1": "5 Elm St", "8.2": "", "8.3": "Toledo", "8.4": "OH", "8.5": "43604-1234", "8.6": ""}
    body, headers = form(**GRAVITY, **home)
    await doors.http.post(await endpoint(doors, "gravity", None), content=body, headers=headers)
    content = (await doors.only_submission())["content"]
    assert (content["fields"]["postal_code"], content["answers"]["city"]) == ("43604-1234", "Toledo")
    assert [(one["channel"], one["text"]) for one in content["consents"]] == [("phone", GRAVITY["6.2"])]


@pytest.mark.parametrize("kind", ["generic", "elementor", "hubspot", "gravity", "jotform", "formstack"])
async def test_what_is_nested_without_end_is_kept_too(doors: Doors, kind: str) -> None:
    path = await endpoint(doors, kind, None)
    objects, lists = b'{"data":' * 1000 + b"1" + b"}" * 1000, b'{"roof":' + b"[" * 900 + b"]" * 900 + b"}"
    posts = [(objects, JSON), (lists, JSON), form(**{"a" + "[b]" * 2000: "1"})]
    for body, headers in posts:
        assert (await doors.http.post(path, content=body, headers=headers)).status_code == 200
    assert [one["state"] for one in await doors.submissions()] == ["quarantined"] * len(posts)


async def test_what_was_typed_beside_the_choices_of_typeform_is_kept(doors: Doors) -> None:
    choices = {"type": "choices", "choices": {"labels": ["Drain"], "other": "the sump pump"}, "field": {"ref": "services"}}
    email = {"type": "email", "email": "grace@example.net", "field": {"type": "email"}}
    body = senders.as_json({"event_type": "form_response", "form_response": {"token": "t", "answers": [email, choices]}})
    await doors.http.post(await endpoint(doors, "typeform", None), content=body, headers=JSON)
    assert (await doors.only_submission())["content"]["answers"]["services"] == ["Drain", "the sump pump"]


async def test_two_numbers_of_a_jotform_are_both_kept(doors: Doors) -> None:
    body, headers = senders.jotform(raw='{"q3_email": "grace@example.net", "q4_phone": "4195552002", "q5_phone5": "4195552009"}')
    await doors.http.post(await endpoint(doors, "jotform", None), content=body, headers=headers)
    content = (await doors.only_submission())["content"]
    assert (content["fields"]["phone"], content["answers"]["q5_phone5"]) == ("+14195552002", "4195552009")


async def test_of_two_long_questions_that_begin_alike_both_answers_are_kept(doors: Doors) -> None:
    asked = "On a scale of one to ten, how satisfied would you say you are with the present state of your "
    body = senders.as_json({"email": "grace@example.net", f"{asked}boiler": "3", f"{asked}roof": "9"})
    await doors.http.post(await endpoint(doors, "generic", None), content=body, headers=JSON)
    assert sorted((await doors.only_submission())["content"]["answers"].values()) == ["3", "9"]


async def test_an_unfinished_response_does_not_hide_the_finished_one(doors: Doors) -> None:
    path = await endpoint(doors, "typeform", None)
    await doors.http.post(path, content=senders.typeform(event_type="form_response_partial"), headers=JSON)
    await doors.http.post(path, content=senders.typeform(), headers=JSON)
    assert [one["state"] for one in await doors.submissions()] == ["quarantined", "waiting"]


async def test_one_good_channel_is_enough_and_the_bad_one_stays_as_it_was_sent(doors: Doors) -> None:
    lead = {"email": "grace@example.net", "phone": "12", "first_name": "Gr\nace", "message": "x" * 12_000, "note\x00": "a\x00b"}
    lead |= {"consents": "yes", "test": "maybe", "external_id": ["x"], "form": "mine", **{f"k{n}": n for n in range(150)}}
    await doors.http.post(await endpoint(doors, "generic", None), content=senders.as_json(lead), headers=JSON)
    found = await doors.only_submission()
    answers = found["content"]["answers"]
    assert found["state"] == "waiting"
    assert found["content"]["fields"] == {"email": "grace@example.net", "first_name": "Gr ace", "message": "x" * 5000}
    assert answers["phone (as sent)"] == "12"
    assert answers["message, part 3"] == "x" * 2000
    assert json.dumps(answers).count("k149") == 1
    assert {answers[f"{name} (as sent)"] for name in ("consents", "test", "form")} == {"yes", "maybe", "mine"}


@pytest.mark.parametrize("kind", ["generic", "elementor"])
@pytest.mark.parametrize(
    ("name", "odd"),
    [
        ("external_id", False),
        ("consents", [{"channel": "sms", "granted": True, "purpose": 7}]),
        ("consents", [{"channel": "sms", "granted": True, "text": ["Text me"]}]),
    ],
)
async def test_what_only_looks_like_ours_is_an_answer(doors: Doors, kind: str, name: str, odd: Any) -> None:
    body = senders.as_json({"email": "grace@example.net", name: odd})
    assert (await doors.http.post(await endpoint(doors, kind, None), content=body, headers=JSON)).status_code == 200
    found = await doors.only_submission()
    content = found["content"]
    assert (found["state"], content["external_id"], content["consents"]) == ("waiting", None, [])
    assert content["answers"] == {f"{name} (as sent)": odd}


@pytest.mark.parametrize(
    ("text", "channel"),
    [
        ("Please do NOT send me marketing emails", None),
        ("I don’t want to be called", None),
        ("I would prefer not to receive texts", None),
        ("No marketing emails, please", None),
        ("Unsubscribe me from the newsletter", None),
        ("do_not_call", None),
        ("sms_opt_out", None),
        ("I have read the text above", None),
        ("I agree that my data (name, email, phone) are stored", None),
        ("Save my name and email for the next time", None),
        ("Text me offers. Consent is not a condition of purchase. Reply STOP to opt out.", "sms"),
        ("I agree to receive text messages. You can unsubscribe at any time. We never call.", "sms"),
        ("I agree to the text messages", "sms"),
        ("Mail me offers: we do not send spam, and store no data", "email"),
        ("My data are stored, and you may contact me by phone", "phone"),
        ("Save 10 %: e-mail offers. We will never send spam, and consent is not to be given on paper", "email"),
        ("email_ok", "email"),
    ],
)
def test_a_box_is_consent_only_where_it_says_yes_to_a_channel(text: str, channel: str | None) -> None:
    consent = ticked_box(text, "on")
    assert (consent and consent["channel"]) == channel


@pytest.mark.parametrize(
    "asked",
    [
        {"3": "05/31/2026", "4": "(419) 555-2002"},
        {"3": "2026-05-31", "4": "419.555.2002"},
        {"3": "12345678", "4": "419 555 2002"},
        {"Account number": "1234567890", "Phone": "4195552002"},
        {"Account number": "1234567890", "Best phone to call": "4195552002"},
        {"Phone": "none", "7": "4195552002"},
        {"Serial": "1234567890", "Comments": "It leaks.", "Mobile": "4195552002", "Where is it?": "in the old cellar"},
    ],
)
def test_a_number_is_a_phone_only_where_none_is_called_so_and_looks_more_like_one(asked: dict[str, str]) -> None:
    told = canonical(guess({"email": "grace@example.net", **asked}))
    assert "".join(filter(str.isdigit, told["phone"])) == "4195552002"
    assert told.get("message") == asked.get("Comments")


async def test_googles_test_lead_is_a_test(doors: Doors) -> None:
    await doors.http.post(await endpoint(doors, "google"), content=senders.google(is_test=True), headers=JSON)
    assert (await doors.only_submission())["test"] is True


async def test_two_numbers_past_53_bits_stay_what_they_are(doors: Doors) -> None:
    await doors.http.post(await endpoint(doors, "google"), content=senders.google(), headers=JSON)
    assert (await doors.only_submission())["content"]["answers"]["form_id"] == "9007199254740993"


async def test_an_unknown_or_disabled_endpoint_is_nothing_at_all(doors: Doors) -> None:
    path = await endpoint(doors, "generic", None)
    async with doors.database.transaction() as unit:
        assert await store.disable(unit, path.removeprefix("/hooks/"), datetime.now(UTC))
    answers = [await doors.http.post(one, content=b"{}", headers=JSON) for one in (path, "/hooks/never-was")]
    assert [one.status_code for one in answers] == [404, 404]
    assert answers[0].json() == answers[1].json()


async def test_meta_may_tell_of_a_thousand_leads_at_once(doors: Doors) -> None:
    path, body = await endpoint(doors, "meta"), senders.meta_notice(*range(10**15, 10**15 + 1000))
    body += b" " * (263_000 - len(body))
    assert (await doors.http.post(path, content=body, headers=JSON | senders.meta_signature(body))).status_code == 200
    async with doors.database.reading() as unit:
        assert await unit.value("SELECT count(*) FROM lead_fetch") == 1000
    assert (await doors.http.post(path, content=b" " * 2**20 + b"{}", headers=JSON)).status_code == 413


async def test_metas_handshake_is_answered_only_with_the_agreed_word(doors: Doors) -> None:
    path = await endpoint(doors, "meta", verify_token="word")
    query = {"hub.mode": "subscribe", "hub.verify_token": "word", "hub.challenge": "1158201444"}
    good = await doors.http.get(path, params=query)
    assert (good.status_code, good.text) == (200, "1158201444")
    assert good.headers["content-type"].startswith("text/plain")
    for change in (
        {"hub.verify_token": "wörd"},
        {"hub.mode": "unsubscribe"},
        {"hub.challenge": ""},
        {"hub.challenge": "x" * 201},
    ):
        assert (await doors.http.get(path, params=query | change)).status_code == 403
    assert (await doors.http.get(await endpoint(doors, "typeform"), params=query)).status_code == 403


async def test_no_secret_is_kept_with_a_payload_or_written_to_a_log(doors: Doors, capsys: pytest.CaptureFixture[str]) -> None:
    path = await endpoint(doors, "google")
    odd = senders.as_json({"google_key": SECRET, "email": "grace@example.net", "columns": []})
    assert (await doors.http.post(path, content=odd, headers=JSON)).status_code == 200
    wrong = senders.google(google_key="another-secret-key")
    assert (await doors.http.post(path, content=wrong, headers=JSON)).status_code == 401
    await doors.http.post(path, content=b'{"google_key": "' + SECRET.encode() + b'", "user_column_data": {"a": 1}}', headers=JSON)
    kept = json.dumps([one["content"] for one in await doors.submissions()])
    said = capsys.readouterr()
    assert "grace@example.net" in kept
    for secret in (SECRET, "another-secret-key"):
        assert secret not in kept
        assert secret not in said.out + said.err
    assert "grace@example.net" not in said.out + said.err


@pytest.mark.parametrize("written", ["(419) 555-2001 x12", "419-555-2001 ext. 12", "+1 419 555 2001;ext=12", "4195552001 #12"])
async def test_the_extension_of_a_number_is_kept_beside_it(doors: Doors, written: str) -> None:
    for path in ("/v1/leads", await endpoint(doors, "generic", None)):
        assert (await doors.http.post(path, json={"phone": written, "asked_at": path})).is_success
    assert len(await doors.submissions()) == 2
    for one in await doors.submissions():
        content = one["content"]
        assert (content["fields"]["phone"], content["answers"]["phone_extension"]) == ("+14195552001", "12")
