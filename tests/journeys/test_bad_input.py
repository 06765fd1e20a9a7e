"""Bad input gets a sentence, never 5xx, and nothing is lost."""

import json
import re

import httpx
import pytest

from deploy.local.system import SERVICES, System
from tests.support import person

SENTENCES = [
    "Please enter your first name.",
    "Please enter your last name.",
    "Please enter your phone number.",
    "Please enter your email address.",
    "Please make a selection.",
    "Please enter a message.",
]

UNKNOWN = "01a20e04-bfa1-7502-bdac-a80125a82998"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def test_the_contact_form_says_exactly_what_is_missing(system: System, http: httpx.AsyncClient) -> None:
    page = await http.post(f"{system.url('intake')}/f/contact", data={"last_name": ""})
    assert page.status_code == 422
    assert all(sentence in page.text for sentence in SENTENCES)
    assert "<title>Error: " in page.text
    answer = await http.post(f"{system.url('intake')}/f/contact", json={})
    assert [error["detail"] for error in answer.json()["errors"]] == SENTENCES or {
        error["detail"] for error in answer.json()["errors"]
    } == set(SENTENCES)


async def test_what_was_typed_is_kept_and_escaped(system: System, http: httpx.AsyncClient) -> None:
    page = await http.post(f"{system.url('intake')}/f/contact", data={"first_name": "<script>x</script>", "phone": "12"})
    assert "&lt;script&gt;" in page.text
    assert "<script>" not in page.text
    assert "This isn&#39;t a valid phone number." in page.text


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/v1/leads", b"{", {}, 400),
        ("/v1/leads", b"[]", {}, 422),
        ("/v1/leads", b'{"email": 7}', {}, 422),
        ("/v1/leads", b'{"email": "a@example.net", "first_name": "a\\u0000b"}', {}, 422),
        ("/v1/leads", b'{"email": "a@example.net", "x": "a\\u0000b"}', {}, 422),
        ("/v1/leads", b'{"email": "a@example.net", "first_name": "a\\r\\nBcc: b@example.net"}', {}, 422),
        ("/v1/leads", b'{"email": "a@example.net", "first_name": "\xff"}', {}, 400),
        ("/v1/leads", b'{"email": "a@example.net", "x": ' + b"[" * 100 + b"]" * 100 + b"}", {}, 422),
        ("/v1/leads", b'{"email": "a@example.net", "x": NaN}', {}, 400),
        ("/v1/leads", b'{"email": "a@example.net", "x": "' + b"a" * 1_000_000 + b'"}', {}, 413),
        ("/v1/leads", b"<lead/>", {"Content-Type": "application/xml"}, 415),
        ("/v1/leads", b'{"form": "nosuch", "email": "a@example.net"}', {}, 404),
        ("/f/nosuch", b"{}", {}, 404),
        ("/f/contact", b"x", {"Content-Type": "multipart/form-data"}, 400),
        ("/f/contact", b"first_name=" + b"a" * 70_000, FORM, 413),
        ("/hooks/nosuch", b'{"x": "' + b"a" * 1_100_000 + b'"}', {}, 413),
        ("/f/contact", b"<lead/>", {"Content-Type": "application/xml"}, 415),
        ("/v1/leads", b'{"email": "a@example.net"}', {"Idempotency-Key": "a" * 256}, 400),
        ("/v1/leads", b'{"email": "a@example.net"}', {"Idempotency-Key": "two words"}, 400),
        ("/v1/leads", b"{}", {"X-Big": "a" * 40_000}, 431),
    ],
)
async def test_bad_input_is_refused_with_a_sentence(
    system: System, http: httpx.AsyncClient, path: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = await http.post(system.url("intake") + path, content=body, headers={"Content-Type": "application/json", **headers})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].endswith(".")


NO_BODY_OF_OURS = [
    (b"<outcome/>", "application/xml", 415),
    (b"reason=none", FORM["Content-Type"], 415),
    (b'{"reason"', "application/json", 400),
    (b'{"reason": "\xff"}', "application/json", 400),
    (b"[" * 5_000 + b"]" * 5_000, "application/json", 400),
    (b'{"reason": "' + b"a" * 1_000_000 + b'"}', "application/json", 413),
    (b"[]", "application/json", 422),
    (b'{"nonsense": "a\\u0000b", "reason": 7, "amount": [], "zone": {}, "open": "x", "until": {}}', "application/json", 422),
]


@pytest.mark.parametrize("service", SERVICES)
async def test_every_route_refuses_a_body_it_cannot_take_with_a_sentence(
    system: System, http: httpx.AsyncClient, service: str
) -> None:
    contract = (await http.get(f"{system.url(service)}/openapi.json")).json()
    tried = 0
    for path, operations in contract["paths"].items():
        for method, operation in operations.items():
            if list(operation.get("requestBody", {}).get("content", {})) != ["application/json"]:
                continue
            url = system.url(service) + re.sub("{.*?}", UNKNOWN, path)
            for body, kind, status in NO_BODY_OF_OURS:
                answer = await http.request(method, url, content=body, headers={"Content-Type": kind})
                assert (answer.status_code, path) == (status, path), (body[:40], answer.text)
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.json()["detail"].endswith(".")
                tried += 1
    assert tried >= 3 * len(NO_BODY_OF_OURS)


async def test_a_form_never_sends_people_to_another_site(system: System, http: httpx.AsyncClient) -> None:
    for target in (
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/%0d%0aX: y",
        "javascript:alert(1)",
        "/ok\r\nX: y",
    ):
        lead = person(phone="419 555 2001", _redirect=target)
        answer = await http.post(f"{system.url('intake')}/f/contact", data=lead)
        assert answer.status_code == 303
        assert answer.headers["location"] in ("/f/contact/thanks", target)
        assert answer.headers["location"].startswith("/")
        assert not answer.headers["location"].startswith(("//", "/\\"))
        assert "x" not in answer.headers


async def test_other_routes_want_a_key_and_refuse_nonsense(system: System, http: httpx.AsyncClient) -> None:
    for service, path in (("intake", "/v1/ledger"), ("handoff", "/v1/assignments"), ("handoff", "/v1/scoreboard")):
        assert (await http.get(system.url(service) + path, headers={"Authorization": "Bearer no"})).status_code == 401
    handoff = system.url("handoff")
    assert (await http.get(f"{handoff}/v1/leads/{UNKNOWN}")).status_code == 404
    assert (await http.get(f"{handoff}/v1/leads/nonsense")).status_code == 422
    assert (await http.post(f"{handoff}/v1/assignments/{UNKNOWN}/accept")).status_code == 404
    amount = json.dumps({"amount": "Infinity", "currency": "USD"})
    answer = await http.post(
        f"{handoff}/v1/assignments/{UNKNOWN}/won", content=amount, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    assert (await http.get(f"{system.url('followup')}/u/nonsense")).status_code == 404
    assert (await http.post(f"{system.url('followup')}/u/%F0%9F%98%80.%00")).status_code == 404


async def test_a_trapped_robot_is_thanked_and_set_aside(system: System, http: httpx.AsyncClient) -> None:
    before = (await http.get(f"{system.url('intake')}/v1/ledger")).json()["leads"]["quarantined"]
    answer = await http.post(f"{system.url('intake')}/f/contact", data=person(phone="419 555 2001", _gotcha="x"))
    assert answer.status_code == 303
    after = (await http.get(f"{system.url('intake')}/v1/ledger")).json()["leads"]
    assert after["quarantined"] == before + 1
