"""Posts of forms: every shape senders have, whose pages may post, and what comes back."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.intake.adapters.form_files import FormRefused, read_file
from services.intake.pages.embed import integrity, markup, script
from services.intake.pages.rendering import form_page, thanks_page
from services.intake.store import endpoints
from services.intake.store import forms as form_store
from shared.database import Database
from tests.services.intake.conftest import Doors, open_doors
from tests.services.intake.senders import multipart
from tests.services.intake.support import Intake
from tests.services.intake.test_forms import SPRING

GRACE = {"first_name": "Grace", "last_name": "Hopper", "email": "grace@example.net", "phone": "+14195552002"}
ASKED = {"selection": "estimate", "message": "The old tank leaks."}
SITE = "https://www.maple.example"


async def add_form(doors: Doors, text: str) -> None:
    form = read_file(text)
    async with doors.database.transaction() as unit:
        await form_store.put(unit, form.key, form.model_dump(mode="json", exclude_defaults=True), datetime.now(UTC))
    await doors.reload_forms()


@pytest.fixture
async def spring(doors: Doors) -> Doors:
    await add_form(doors, SPRING)
    return doors


def filled(**more: Any) -> dict[str, Any]:
    return {"email": "grace@example.net", "boiler": "gas", **more}


@pytest.mark.parametrize(
    "post",
    [
        {"data": {**GRACE, **ASKED}},
        {"files": {name: (None, value) for name, value in (GRACE | ASKED).items()}},
        {"json": {**GRACE, **ASKED}},
        {"data": {"name": "Grace Hopper", "_replyto": "grace@example.net", "tel": "419 555 2002", "_next": "/x",
                  "_subject": "s", **ASKED}},
        {"data": {"form-name": "contact", "bot-field": "", "Full Name": "Grace Hopper", "E-mail": "grace@example.net",
                  "Mobile": "(419) 555-2002", "comments": "The old tank leaks.", "selection": "estimate"}},
        {"data": {"oid": "00D", "retURL": "/x", "first_name": "Grace", "last_name": "Hopper", "email": "grace@example.net",
                  "phone": "4195552002", "description": "The old tank leaks.", "00N300": "estimate", "lead_source": "Web",
                  "selection": "estimate"}},
        {"json": {"fields": [{"name": "firstname", "value": "Grace"}, {"name": "lastname", "value": "Hopper"},
                             {"name": "email", "value": "grace@example.net"}, {"name": "phone", "value": "419-555-2002"},
                             {"name": "message", "value": "The old tank leaks."}, {"name": "selection", "value": "estimate"}],
                  "context": {"pageUri": "https://maple.example/?utm_source=radio"}}},
    ],
)  # fmt: skip
async def test_a_post_is_understood_in_the_shape_of_every_form_service(doors: Doors, post: dict[str, Any]) -> None:
    answer = await doors.http.post("/f/contact", **post)
    assert answer.status_code in (202, 303), answer.text
    found = await doors.only_submission()
    assert found["content"]["fields"] == {**GRACE, **ASKED}
    assert {"oid", "retURL", "form-name", "_next"}.isdisjoint(found["content"]["answers"])


async def test_a_browser_goes_to_the_allowed_page_and_a_script_is_told(spring: Doors) -> None:
    wanted = f"{SITE}/thanks?from=form"
    answer = await spring.http.post("/f/spring", data=filled(retURL=wanted))
    assert (answer.status_code, answer.headers["location"]) == (303, wanted)
    answer = await spring.http.post("/f/spring", json=filled(_redirect="https://evil.example/"))
    assert answer.status_code == 202
    assert answer.json()["redirect_url"] == "/f/spring/thanks"


async def test_a_ticked_box_is_consent_in_the_words_shown_and_an_empty_one_says_nothing(spring: Doors) -> None:
    headers = {"Referer": f"{SITE}/offer", "Origin": SITE, "User-Agent": "Browser/1"}
    await spring.http.post("/f/spring", data=filled(_consent_texts="yes"), headers=headers)
    await spring.http.post("/f/spring", data=filled(message="again", _consent_texts="off"), headers=headers)
    ticked, empty = [one["content"] for one in await spring.submissions()]
    assert ticked["consents"] == [
        {"channel": "sms", "purpose": "marketing", "granted": True, "text": "Text me offers.", "version": "1",
         "checkbox": "texts", "seller": ""}
    ]  # fmt: skip
    assert ticked["evidence"] == {"page_url": f"{SITE}/offer", "ip": "127.0.0.1", "user_agent": "Browser/1", "form_version": "1"}
    assert empty["consents"] == []


def mark_in(page: str) -> str:
    return re.findall(r'name="_consent_texts" value="([^"]*)"', page)[0]


async def test_consent_is_in_the_words_of_the_page_that_was_open(spring: Doors) -> None:
    """Also when the form has other words since then, twice over, or asks nothing any more."""
    page = (await spring.http.get("/f/spring")).text
    newer = SPRING.replace("Text me offers.", "Text and call me.").replace('version = "1"', 'version = "2"')
    for text in (newer, newer, SPRING[: SPRING.index("[[consents]]")]):
        await add_form(spring, text)
        assert (await spring.http.post("/f/spring", data=filled(_consent_texts=mark_in(page)))).status_code == 303
        await spring.forget_contents()
    consents = [one["content"]["consents"] for one in await spring.submissions()]
    assert [[(one["text"], one["version"]) for one in said] for said in consents] == [[("Text me offers.", "1")]] * 3


async def test_a_box_in_words_nobody_knows_is_no_consent_and_a_bare_yes_means_the_words_of_now(spring: Doors) -> None:
    page = (await spring.http.get("/f/spring")).text
    newer = SPRING.replace("Text me offers.", "Text and call me.")
    await add_form(spring, newer)
    for box in (["0", "yes"], ["0"], "0123456789abcdef"):
        assert (await spring.http.post("/f/spring", data=filled(_consent_texts=box, n=str(box)))).status_code == 303
    yes, no, unknown = [one["content"] for one in await spring.submissions()]
    assert [one["text"] for one in yes["consents"]] == ["Text and call me."]
    assert (no["consents"], unknown["consents"]) == ([], [])
    assert [one["answers"].get("consent_texts") for one in (yes, no, unknown)] == [None, None, "0123456789abcdef"]
    for said, ticked in ((mark_in(page), False), ("on", True), ("no", False)):
        wrong = (await spring.http.post("/f/spring", data={"_consent_texts": said})).text
        assert (f'value="{mark_in(wrong)}" checked' in wrong) is ticked, "other words are ticked anew"


async def test_only_the_forms_own_sites_may_post(spring: Doors) -> None:
    async def status(**headers: str) -> httpx.Response:
        return await spring.http.post("/f/spring", json=filled(), headers=headers)

    good = await status(Origin=SITE)
    assert (good.status_code, good.headers["access-control-allow-origin"], good.headers["vary"]) == (202, SITE, "Origin")
    assert "access-control-allow-credentials" not in good.headers
    bad = await status(Origin="https://evil.example")
    assert (bad.status_code, "access-control-allow-origin" in bad.headers) == (403, False)
    assert (await status(Origin="null")).status_code == 202, "as if it had not been said"
    assert (await status(Origin="null", Referer="https://evil.example/x")).status_code == 403
    assert (await status(Origin="http://intake.example")).status_code == 202, "our own hosted page"
    refused = await spring.http.post("/f/spring", json={}, headers={"Origin": SITE})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (422, SITE), "a script may read its mistakes"
    elsewhere = await spring.http.post(
        "/v1/leads", json={"form": "spring", **filled()}, headers={"Origin": "https://evil.example"}
    )
    assert elsewhere.status_code == 403


async def test_the_hosted_page_may_post_behind_a_proxy_that_says_another_host(intake_database: Database, tmp_path: Path) -> None:
    async for doors in open_doors(intake_database, tmp_path, public_base_url="https://Leads.maple.example/"):
        await add_form(doors, SPRING)
        for origin, status in (("https://leads.maple.example", 202), ("http://leads.maple.example", 403), (f"{SITE}:8443", 403)):
            headers = {"Origin": origin, "Host": "intake:8001"}
            assert (await doors.http.post("/f/spring", json=filled(), headers=headers)).status_code == status


async def test_a_browser_may_ask_first(spring: Doors) -> None:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "idempotency-key"}
    good = await spring.http.options("/f/spring", headers={"Origin": SITE, **asks})
    assert (good.status_code, good.headers["access-control-allow-origin"]) == (204, SITE)
    assert "Idempotency-Key" in good.headers["access-control-allow-headers"]
    bad = await spring.http.options("/f/spring", headers={"Origin": "https://evil.example", **asks})
    assert (bad.status_code, "access-control-allow-origin" in bad.headers) == (403, False)
    assert (await spring.http.options("/f/contact", headers={"Origin": SITE, **asks})).headers[
        "access-control-allow-origin"
    ] == "*"


async def test_a_form_may_want_an_origin_or_a_key(doors: Doors) -> None:
    await add_form(doors, SPRING.replace('region = "GB"', "require_origin = true"))
    assert (await doors.http.post("/f/spring", json=filled())).status_code == 403
    await add_form(doors, SPRING.replace('region = "GB"', "require_key = true"))
    for path, body in (("/f/spring", filled()), ("/v1/leads", filled(form="spring"))):
        assert (await doors.http.post(path, json=body)).status_code == 401
        assert (await doors.http.post(path, json=body, headers={"Authorization": "Bearer no"})).status_code == 401
    assert await doors.submissions() == []


async def test_sent_twice_is_one_and_corrected_is_another(doors: Doors) -> None:
    lead = GRACE | ASKED | {"_submission_id": "a1b2"}
    found = []
    for one in (lead, lead, lead | {"message": "The new tank leaks."}):
        found.append((await doors.http.post("/f/contact", json=one)).json()["lead_id"])
        await doors.forget_contents()  # only the page's own id is left to tell them apart
    first, again, corrected = found
    assert first == again != corrected
    key = {"Idempotency-Key": "k1"}
    answers = [await doors.http.post("/f/contact", json=GRACE | ASKED | {"message": m}, headers=key) for m in ("x", "x", "y")]
    assert [one.status_code for one in answers] == [202, 202, 422]
    assert [one.headers.get("idempotent-replayed") for one in answers] == [None, "true", None]


async def test_what_is_taken_has_room_in_an_event_however_it_grows(doors: Doors, intake: Intake) -> None:
    """A control character is one byte of a form and six of JSON."""
    grown = b"email=a%40maple.example" + b"".join(b"&x%d=" % n + b"\x01" * 4_990 for n in range(10))
    headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    refused = await doors.http.post("/f/api", content=grown, headers=headers)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["detail"] == "Please send at most 180 kB in all."
    fits = {f"x{n}": "\x01" * 4_990 for n in range(5)}
    marks = {"attribution": {f"m\0{n}": "\x01\U0001f6bf" * 512 for n in range(12)}}
    taken = await doors.http.post("/v1/leads", json={"email": "a@maple.example", **fits, **marks})
    assert taken.status_code == 202
    await intake.qualify()
    assert [one["lead_id"] for one in await intake.events("lead.qualified")] == [taken.json()["lead_id"]]


@pytest.mark.parametrize("field", ["data", "email", "roof"])
async def test_what_is_nested_without_end_is_refused(doors: Doors, field: str) -> None:
    for left, right in ((f'{{"{field}":', "}"), ("[", "]")):
        body = f'{{"first_name":"A","{field}":' + left * 1000 + "1" + right * 1000 + "}"
        answer = await doors.http.post("/f/api", content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["detail"]) == (422, "Please nest answers at most 20 deep.")


async def test_addresses_in_a_post_are_kept_and_never_opened(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(_transport: Any, request: httpx.Request) -> httpx.Response:
        raise AssertionError(f"{request.url} was opened")

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", refuse)
    await add_form(doors, SPRING)
    for inside in ("http://169.254.169.254/latest/meta-data", "http://127.0.0.1:5432/", "http://[::1]/", "file:///etc/passwd"):
        hidden = {"_page": inside, "_redirect": inside, "website": inside}
        attribution = {"landing_page": inside, "referrer": inside}
        for path in ("/f/contact", "/v1/leads"):
            answer = await doors.http.post(
                path, json=GRACE | ASKED | hidden | {"attribution": attribution, "message": f"{path} {inside}"}
            )
            assert answer.status_code == 202
            assert inside not in answer.headers.get("location", "")
    assert len(await doors.submissions()) == 8


async def test_consent_over_the_api_has_its_evidence_too_and_nothing_is_kept_of_who_asked_nothing(doors: Doors) -> None:
    said = {"channel": "sms", "granted": True, "text": "Text me."}
    for more in ({"consents": [said]}, {"message": "no question asked"}):
        headers = {"User-Agent": "Crm/2", "Referer": f"{SITE}/offer"}
        assert (await doors.http.post("/v1/leads", json={"email": "a@maple.example", **more}, headers=headers)).status_code == 202
    headers["Authorization"] = "Bearer lh_00000001_x"
    assert (await doors.http.post("/v1/leads", json={"email": "b@maple.example", "consents": [said]}, headers=headers)).is_success
    asked, silent, spoken_for = [one["content"] for one in await doors.submissions()]
    assert spoken_for["evidence"] == {"form_version": "1"}, "a CRM's own address is nobody's proof"
    assert asked["evidence"] == {"page_url": f"{SITE}/offer", "ip": "127.0.0.1", "user_agent": "Crm/2", "form_version": "1"}
    assert "evidence" not in silent


async def test_a_webhooks_consent_names_the_page_and_the_form_version_where_it_says_them(doors: Doors) -> None:
    said = {"email": "a@maple.example", "consents": [{"channel": "sms", "granted": True, "text": "Text me."}]}
    async with doors.database.transaction() as unit:
        await endpoints.add(unit, {"id": "hook", "kind": "generic", "form": "api", "created_at": datetime.now(UTC)})
    for more in ({"page_url": f"{SITE}/offer\n", "landing_page": f"{SITE}/"}, {"message": "from nowhere"}):
        assert (await doors.http.post("/hooks/hook", json=said | more)).status_code == 200
    known, bare = [one["content"]["evidence"] for one in await doors.submissions()]
    assert known == {"page_url": f"{SITE}/offer", "form_version": "1"}
    assert bare == {"form_version": "1"}


async def test_two_who_count_from_one_do_not_get_in_each_others_way(doors: Doors) -> None:
    """A key counts for its form and its client."""
    places = [("/f/contact", ""), ("/f/api", ""), ("/v1/leads", "Bearer lh_00000001_x"), ("/v1/leads", "Bearer lh_00000002_x")]
    for path, client in places * 2:
        headers = {"Idempotency-Key": "1"} | ({"Authorization": client} if client else {})
        answer = await doors.http.post(path, json=GRACE | ASKED | {"message": f"{path} {client}"}, headers=headers)
        assert answer.status_code == 202, path
    assert len(await doors.submissions()) == len(places)


async def test_the_page_shows_mistakes_as_people_need_them(doors: Doors) -> None:
    first = (await doors.http.get("/f/contact")).text
    answer = await doors.http.post("/f/contact", data={"first_name": "Gr<b>ace", "phone": "12", "selection": "x"})
    page = answer.text
    assert (answer.status_code, "<title>Error: " in page, "<title>Error: " in first) == (422, True, False)
    assert 'role="alert"' in page
    assert '<a href="#phone">This isn&#39;t a valid phone number.</a>' in page
    assert 'aria-invalid="true" aria-describedby="phone-error"' in page
    assert 'value="Gr&lt;b&gt;ace"' in page
    kept = await doors.http.post("/f/contact", data={"selection": "estimate", "message": "Two\nlines"})
    assert re.search(r'value="estimate"[^>]* checked', kept.text)
    assert ">Two\nlines</textarea>" in kept.text
    for token in ("given-name", "family-name", "tel", "email", "postal-code"):
        assert f'autocomplete="{token}"' in first
    assert 'inputmode="tel"' in first
    assert "(optional)" in first
    assert 'aria-hidden="true"' in first
    assert 'tabindex="-1" autocomplete="off"' in first


async def test_a_question_about_the_zip_code_is_not_answered_with_one(doors: Doors) -> None:
    question = "Is your zip code in our area?"
    await doors.http.post("/f/api", data={"email": "grace@example.net", question: "Of course", "Home zip code": "43604"})
    content = (await doors.only_submission())["content"]
    assert (content["fields"]["postal_code"], content["answers"]) == ("43604", {question: "Of course"})


async def test_a_field_of_ours_that_the_form_does_not_ask_is_an_answer(spring: Doors) -> None:
    told = {"need": "estimate", "first_name": "Grace", "comments": "The old tank leaks.", "zip": "43604", "last_name": " "}
    for path, post in (("/f/spring", {"data": filled(**told)}), ("/v1/leads", {"json": filled(**told, form="spring")})):
        assert (await spring.http.post(path, **post)).status_code in (202, 303)
    posted, handed_in = [one["content"] for one in await spring.submissions()]
    others = {"boiler": "gas", "need": "estimate", "first_name": "Grace"}
    assert posted["answers"] == others | {"message": "The old tank leaks.", "postal_code": "43604"}
    assert handed_in["answers"] == others | {"comments": "The old tank leaks.", "zip": "43604"}
    assert posted["fields"] == handed_in["fields"] == {"email": "grace@example.net"}


WEBSITE = (
    'key = "site"\ntitle = "Site"\nfields = [{ name = "email", label = "Email" }, { name = "name", label = "Name" }, '
    '{ name = "%s", label = "It", required = true }]'
)


@pytest.mark.parametrize("name", ["url", "page", "page_url", "landing_page_url", "source_url", "gcl_id"])
async def test_a_name_the_form_uses_means_what_the_form_says(doors: Doors, name: str) -> None:
    await add_form(doors, WEBSITE % name)
    its = {name: "https://maple.example/?utm_source=x", "_page": f"{SITE}/offer"}
    for post in ({"data": filled() | its}, {"json": filled() | its}):
        assert (await doors.http.post("/f/site", **post)).status_code in (202, 303)
    content = (await doors.only_submission())["content"]
    assert content["answers"] == {"boiler": "gas", name: its[name]}
    assert content["attribution"] == {"landing_page": f"{SITE}/offer"}


@pytest.mark.parametrize(
    "told",
    [
        {"name": "Grace Hopper"},
        {"Full Name": "Grace Hopper"},
        {"First name": "Grace", "lname": "Hopper"},
        {"q3_name": {"first": "Grace", "last": "Hopper"}},
    ],
)
async def test_a_whole_name_is_an_answer_and_who_to_ask_for(doors: Doors, intake: Intake, told: dict[str, Any]) -> None:
    await add_form(doors, WEBSITE % "boiler")
    assert (await doors.http.post("/f/site", json=filled() | told)).status_code == 202
    await intake.qualify()
    (lead,) = await intake.events("lead.qualified")
    assert (lead["contact"]["first_name"], lead["contact"]["last_name"]) == ("Grace", "Hopper")
    assert lead["answers"]["name"] == "Grace Hopper"


async def test_a_whole_name_over_the_api_and_one_too_long_for_a_contact(doors: Doors) -> None:
    await add_form(doors, WEBSITE % "boiler")
    for name in ("Hopper, Grace", "x" * 300):
        answer = await doors.http.post("/v1/leads", json={"form": "site", "name": name, **filled()})
        assert answer.status_code == 202
    short, long = [one["content"] for one in await doors.submissions()]
    assert (short["fields"]["first_name"], short["fields"]["last_name"]) == ("Grace", "Hopper")
    assert (long["fields"]["first_name"], long["answers"]["name"]) == ("x" * 200, "x" * 300)


class Inputs(HTMLParser):
    """What a browser would post of a page, unchanged: its inputs but for boxes and choices."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, Any] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of = dict(attrs)
        if tag == "input" and of.get("type") not in ("radio", "checkbox"):
            name, value = str(of["name"]), of.get("value") or ""
            self.found[name] = [*self.found[name], value] if name in self.found else [value]


async def test_the_page_keeps_where_somebody_came_from(doors: Doors) -> None:
    marks = {"utm_source": "mailing", "utm_campaign": 'spring"><b>', "gclid": "g1", "utm_term": "x" * 600}
    asked = marks | {"_redirect": "https://evil.example/", "first_name": "Eve", "_gotcha": "x", "roof": "slate"}
    page = await doors.http.get("/f/contact", params=asked)
    assert page.headers["cache-control"] == "no-store"
    inputs = Inputs(page.text).found
    assert (inputs["first_name"], inputs["_gotcha"]) == ([""], [""]), "a link fills in nothing"
    assert not {"_redirect", "roof"} & set(inputs)
    answer = await doors.http.post("/f/contact", data=inputs | GRACE | ASKED)
    assert (answer.status_code, answer.headers["location"]) == (303, "/f/contact/thanks")
    assert (await doors.only_submission())["content"]["attribution"] == marks | {"utm_term": "x" * 512}


async def test_a_corrected_mistake_loses_nothing_that_was_sent(doors: Doors) -> None:
    place = {"utm_source": "google", "gcl_id": "g1", "_page": f"{SITE}/offer?utm_campaign=roofs"}
    more = {"roof": 'sl"ate', "rooms": ["1", "2"], "external_id": "web-7", "retURL": "/x", "oid": "00D", "too long" * 20: "x"}
    wrong = GRACE | ASKED | {"your-phone": "12", "_gotcha": "", "cf-turnstile-response": "used", "_consent_texts": "yes"}
    del wrong["phone"]
    refused = await doors.http.post("/f/contact", data=wrong | place | more)
    assert refused.status_code == 422
    inputs = Inputs(refused.text).found
    assert not {"your-phone", "cf-turnstile-response", "_consent_texts"} & set(inputs), "shown, or asked again"
    assert inputs["phone"] == ["12"]
    kept = await doors.http.post("/f/contact", data=inputs | {"phone": GRACE["phone"], **ASKED})
    assert (kept.status_code, kept.headers["location"]) == (303, "/x")
    content = (await doors.only_submission())["content"]
    assert content["fields"] == GRACE | ASKED
    assert content["answers"] == {"roof": 'sl"ate', "rooms": ["1", "2"], "consent_texts": "yes"}
    assert content["external_id"] == "web-7"
    assert content["attribution"] == {
        "utm_source": "google", "utm_campaign": "roofs", "gclid": "g1", "landing_page": f"{SITE}/offer?utm_campaign=roofs"
    }  # fmt: skip


GERMAN = """
key = "kontakt"
title = "Schreiben Sie uns"
language = "de"
one_of = ["email", "phone"]
fields = [
  { name = "last_name", label = "Name" },
  { name = "email", label = "E-Mail", invalid = "Diese Adresse gibt es nicht." },
  { name = "phone", label = "Telefon" },
]
[texts]
problem = "Bitte noch einmal ansehen"
error = "Fehler"
optional = "freiwillig"
send = "Senden"
thanks = "Danke. Ihre Nachricht ist da."
thanks_more = "Wir melden uns bald."
failed = "Das ging nicht."
one_of = "Bitte E-Mail oder Telefon angeben."
too_long = "{label}: bitte höchstens {limit} Zeichen."
"""


async def test_a_form_in_another_language_says_everything_in_it(doors: Doors) -> None:
    await add_form(doors, GERMAN)
    pages = [
        (await doors.http.get("/f/kontakt")).text,
        (await doors.http.post("/f/kontakt", data={"last_name": "x" * 300, "email": "no"})).text,
        (await doors.http.get("/f/kontakt/thanks")).text,
    ]
    assert '<html lang="de">' in pages[0]
    wanted = ["freiwillig", "Senden"], ["Fehler: Schreiben", "höchstens 200 Zeichen"], ["Wir melden"]
    for page, said in zip(pages, wanted, strict=True):
        assert all(one in page for one in said), said
        for english in ("Send<", "(optional)", "Error: ", "There is", "Thank you", "please", "somebody"):
            assert english not in page, english
    nothing = await doors.http.post("/f/kontakt", json={"last_name": "Grau"})
    assert nothing.json()["errors"][0]["detail"] == "Bitte E-Mail oder Telefon angeben."
    assert 'problem="Bitte noch einmal ansehen" thanks="Danke. Ihre' in markup(read_file(GERMAN).read(), "https://x.example")
    with pytest.raises(FormRefused, match=r"texts.sned"):
        read_file(GERMAN + 'sned = "x"\n')


@pytest.mark.parametrize(
    ("language", "way"), [("ar", ' dir="rtl"'), ("he-IL", ' dir="rtl"'), ("FA", ' dir="rtl"'), ("en", ""), ("arn", "")]
)
def test_a_page_runs_the_way_its_language_is_read(language: str, way: str) -> None:
    form = read_file(GERMAN.replace('"de"', f'"{language}"')).read()
    for page in (form_page(form, {}, [], hidden=[]), thanks_page(form)):
        assert f'<html lang="{language}"{way}>' in page
        assert not re.search(r"\b(left|right)\b", page), "it would be on the wrong side, or make the page scroll sideways"


async def test_the_page_may_be_framed_only_where_the_form_says(doors: Doors) -> None:
    await add_form(doors, SPRING.replace('region = "GB"', f'frame_ancestors = ["{SITE}"]'))
    own, other = (await doors.http.get("/f/spring")).headers, (await doors.http.get("/f/contact")).headers
    assert f"frame-ancestors {SITE}" in own["content-security-policy"]
    assert "frame-ancestors 'none'" in other["content-security-policy"]
    assert "form-action 'self' https://www.maple.example https://shop.maple.example" in own["content-security-policy"]


async def test_a_disabled_form_answers_as_one_that_never_was(spring: Doors) -> None:
    async with spring.database.transaction() as unit:
        await form_store.disable(unit, "spring", datetime.now(UTC))
    await spring.reload_forms()
    for method, path in (("GET", "/f/{}"), ("POST", "/f/{}"), ("GET", "/f/{}/thanks"), ("OPTIONS", "/f/{}")):
        gone, never = [await spring.http.request(method, path.format(key)) for key in ("spring", "never")]
        assert (gone.status_code, gone.text, dict(gone.headers)) == (404, never.text, dict(never.headers))


async def test_the_script_is_ours_alone_and_named_by_its_hash(spring: Doors) -> None:
    answer = await spring.http.get("/embed/v1.js")
    assert answer.content == script()
    assert answer.headers["content-type"].startswith("text/javascript")
    assert (answer.headers["access-control-allow-origin"], "max-age=" in answer.headers["cache-control"]) == ("*", True)
    again = await spring.http.get("/embed/v1.js", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    pasted = markup(read_file(SPRING).read(), "https://intake.maple.example")
    assert f'integrity="{integrity()}"' in pasted
    assert 'action="https://intake.maple.example/f/spring"' in pasted
    assert "http" not in script().decode().replace("https?", ""), "nothing of anybody else's is loaded"


@pytest.mark.parametrize(("picked", "content", "kept"), [("", "", None), ("roof.jpg", "\x89PNG", "roof.jpg")])
async def test_a_form_that_also_takes_photos_is_heard_and_the_name_of_one_is_kept(
    doors: Doors, picked: str, content: str, kept: str | None
) -> None:
    body, headers = multipart(email="ada@maple.example")
    file = f'--B\r\nContent-Disposition: form-data; name="photo"; filename="{picked}"\r\n\r\n{content}\r\n'
    answer = await doors.http.post("/f/api", content=file.encode() + body, headers=headers)
    assert answer.status_code == 303
    assert (await doors.only_submission())["content"]["answers"].get("photo") == kept


async def test_an_emergency_with_a_capital_is_one_at_every_door(doors: Doors, intake: Intake) -> None:
    choices = 'choices = [{ value = "Emergency", label = "Emergency" }, { value = "Other", label = "Other" }]'
    await add_form(doors, SPRING + f'[[fields]]\nname = "selection"\nlabel = "What is it?"\n{choices}\n')
    await doors.http.post("/v1/leads", json={"email": "ada@maple.example", "selection": "Emergency"})
    await doors.http.post("/f/api", data={"email": "ben@maple.example", "selection": "Emergency"})
    await doors.http.post("/f/spring", data=filled(selection="Emergency"))
    other = await doors.http.post("/f/spring", data=filled(selection="Other", email="eve@maple.example"))
    assert other.status_code == 303
    await intake.qualify(now=datetime.now(UTC))
    told = {one["contact"]["email"][:3]: one["tier"] for one in await intake.events("lead.qualified")}
    assert told == {"ada": "P1", "ben": "P1", "gra": "P1", "eve": "P3"}


async def test_a_site_is_known_however_its_owner_writes_its_address(doors: Doors) -> None:
    sites = {"https://東京.example": "https://xn--1lqs71d.example", "HTTPS://Maple.example:443/": "https://maple.example"}
    named = ", ".join(f'"{site}"' for site in sites)
    site = SPRING.replace('["https://www.maple.example"]', f"[{named}]\nframe_ancestors = [{named}]")
    await add_form(doors, site.replace('return_urls = ["', 'return_urls = ["https://東京.example/thanks", "'))
    page = await doors.http.get("/f/spring")
    assert (page.status_code, page.headers["content-security-policy"].isascii()) == (200, True)
    for origin in sites.values():
        assert f" {origin}" in page.headers["content-security-policy"]
        posted = await doors.http.post("/f/spring", data=filled(), headers={"Origin": origin})
        assert (posted.status_code, posted.headers["access-control-allow-origin"]) == (303, origin)
    back = await doors.http.post("/f/spring", data=filled(_redirect="https://東京.example/thanks"))
    assert back.headers["location"].endswith(".example/thanks")


@pytest.mark.parametrize(
    "own", [{"consents": "yes"}, {"consents": ["mail", "texts"]}, {"test": "variant B"}, {"attribution": "a friend"}]
)
async def test_what_a_site_names_like_something_of_ours_is_an_answer(doors: Doors, own: dict[str, Any]) -> None:
    assert (await doors.http.post("/f/api", data=GRACE | own)).status_code == 303
    found = await doors.only_submission()
    assert (found["state"], found["test"], found["content"]["consents"]) == ("waiting", False, [])
    assert found["content"]["answers"] == {f"{name} (as sent)": value for name, value in own.items()}
    told = await doors.http.post("/f/api", json=GRACE | {"consents": "yes"})
    assert told.json()["errors"][0]["field"] == "consents", "software is told"
