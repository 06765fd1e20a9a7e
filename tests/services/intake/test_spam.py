"""Robots are thanked and set aside; limits refuse with a time; nothing of it is on unless somebody sets it."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import httpx
import pytest
from starlette.requests import Request

from services.intake import main
from services.intake.adapters.captcha import SiteVerify
from services.intake.adapters.disposable import is_disposable
from services.intake.adapters.visits import block_of, client_address
from services.intake.domain.rate_limits import Buckets
from services.intake.domain.spam import Signals, reason_to_hold
from services.intake.settings import Settings
from services.intake.use_cases.capture import SUBMISSIONS
from shared.database import Database
from tests.services.intake.conftest import Doors, open_doors
from tests.services.intake.test_form_posts import ASKED, GRACE, add_form, filled
from tests.services.intake.test_forms import SPRING
from tests.support import serving


@pytest.mark.parametrize(
    ("signals", "held"),
    [
        (Signals(trapped=True), True),
        (Signals(open_seconds=0.5), False),
        (Signals(open_seconds=None, disposable=True), False),
        (Signals(open_seconds=90_000, links=3), False),
        (Signals(open_seconds=0.5, disposable=True, links=2), True),
    ],
)
def test_only_a_filled_trap_says_so_alone(signals: Signals, held: bool) -> None:
    assert (reason_to_hold(signals, 100) is not None) == held


async def test_a_robot_sees_the_same_thank_you_as_everybody(doors: Doors) -> None:
    good = await doors.http.post("/f/contact", data=GRACE | ASKED)
    for trap in ("_gotcha", "bot-field", "_honey"):
        answer = await doors.http.post("/f/contact", data=GRACE | ASKED | {trap: "x"})
        assert (answer.status_code, answer.headers["location"]) == (303, good.headers["location"])
    states = [(one["state"], one["reason"]) for one in await doors.submissions()]
    assert states == [("waiting", None), ("quarantined", "trap")], "the good one is not held for the robot's, nor the other way"


async def test_the_time_of_loading_cannot_be_written_by_others(doors: Doors) -> None:
    page = (await doors.http.get("/f/contact")).text
    token = page.split('name="_loaded_at" value="')[1].split('"')[0]
    spammy = {"email": "grace@mailinator.com", "message": "Buy https://a.example and https://b.example", "_loaded_at": token}
    await doors.http.post("/f/contact", data=GRACE | ASKED | spammy)
    body, _, seal = token.partition(".")
    for forged in (f"{body}.{'A' * len(seal)}", "x", "é.é", "a" * 1000):
        await doors.http.post(
            "/f/contact", data=GRACE | ASKED | spammy | {"_loaded_at": forged, "message": spammy["message"] + forged}
        )
    reasons = [one["reason"] for one in await doors.submissions()]
    assert reasons[0] == "spam score 110: sent too fast, a disposable address, links"
    assert reasons[1:] == [None] * 4, "an unreadable time only counts as none"


def test_a_disposable_address_is_known_below_its_host_too() -> None:
    assert is_disposable("x@mailinator.com")
    assert is_disposable("x@a.b.MAILINATOR.com")
    assert not is_disposable("x@example.net")
    assert not is_disposable("x@com")


def test_a_bucket_refills_evenly_and_remembers_only_so_many() -> None:
    buckets = Buckets(2, 60, most=3)
    assert [buckets.wait_for("a", 0), buckets.wait_for("a", 0), buckets.wait_for("a", 0)] == [0, 0, 30]
    assert buckets.wait_for("a", 29) > 0
    assert buckets.wait_for("a", 30) == 0
    for who in "bcd":
        buckets.wait_for(who, 30)
    assert len(buckets._left) == 3
    assert Buckets(0).wait_for("a", 0) == 0


@pytest.mark.parametrize(
    ("address", "block"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("nonsense", "unknown"),
    ],
)
def test_an_address_counts_as_one_customers(address: str, block: str) -> None:
    assert block_of(address) == block


@pytest.mark.parametrize(
    ("peer", "forwarded", "seen"),
    [
        ("192.0.2.7", "203.0.113.9", "192.0.2.7"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.2.3.4, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.3", "10.0.0.3"),
        ("10.0.0.1", "nonsense", "nonsense"),
        ("10.0.0.1", "203.0.113.9:50123, 10.0.0.2:443", "203.0.113.9"),
        ("10.0.0.1", "[2001:db8::9]:50123", "2001:db8::9"),
        ("10.0.0.1", "2001:db8::9, [::1]", "2001:db8::9"),
    ],
)
def test_only_our_own_proxies_are_believed(peer: str, forwarded: str, seen: str) -> None:
    trusted = Settings(database_url="x", trusted_proxies="10.0.0.0/8, ::1/128").trusted_networks
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    request = Request({"type": "http", "headers": headers, "client": (peer, 1)})
    assert client_address(request, trusted) == seen


@pytest.mark.parametrize("limit", ["posts_per_address_minute", "posts_per_form_minute", "posts_per_contact_hour"])
@pytest.mark.parametrize("path", ["/f/api", "/v1/leads"])
async def test_too_many_posts_are_told_when_to_come_again(
    intake_database: Database, tmp_path: Path, limit: str, path: str
) -> None:
    async for doors in open_doors(intake_database, tmp_path, **{limit: 2}):
        answers = [await doors.http.post(path, json={"email": "Grace@example.net", "message": str(n)}) for n in range(3)]
        assert [one.status_code for one in answers] == [202, 202, 429]
        wait, what = answers[2].headers["retry-after"], limit.split("_")[2]
        assert 0 < int(wait) <= 1800
        assert answers[2].headers["ratelimit-policy"] == f'"{what}";q=2;w={3600 if what == "contact" else 60}'
        assert answers[2].headers["ratelimit"] == f'"{what}";r=0;t={wait}'
        assert answers[2].headers["content-type"] == "application/problem+json"
        other = {"email": "other@example.net"}
        assert (await doors.http.post(path, json=other)).status_code == (202 if "contact" in limit else 429)
        key = (tmp_path / "api-key").write_text("lh_own") and {"Authorization": "Bearer lh_own"}
        assert (await doors.http.post(path, json=other | {"message": "key"}, headers=key)).status_code == 202


async def test_a_number_is_counted_however_it_is_written(intake_database: Database, tmp_path: Path) -> None:
    async for doors in open_doors(intake_database, tmp_path, posts_per_contact_hour=2):
        numbers = ("(419) 555-2001", "+1 419 555 2001", "4195552001")
        answers = [await doors.http.post("/f/api", json={"phone": phone, "message": phone}) for phone in numbers]
        assert [one.status_code for one in answers] == [202, 202, 429]


class Provider(httpx.AsyncBaseTransport):
    """siteverify as Turnstile and hCaptcha answer it: a token is good once. Turnstile answers a repeat under its key alike."""

    def __init__(self, shape: str = "turnstile") -> None:
        self.shape = shape
        self.asked: list[dict[str, list[str]]] = []
        self.fails: httpx.Response | Exception | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        form = parse_qs((await request.aread()).decode())
        self.asked.append(form)
        if isinstance(self.fails, Exception):
            raise self.fails
        if self.fails is not None:
            return self.fails
        if form["secret"] != ["ours"]:
            return httpx.Response(200, json={"success": False, "error-codes": ["invalid-input-secret"]})
        first = next(one for one in self.asked if one["response"] == form["response"])
        is_repeat = self.shape == "turnstile" and first["idempotency_key"] == form["idempotency_key"]
        used = first is not form and not is_repeat
        if form["response"] != ["good"] or used:
            return httpx.Response(200, json={"success": False, "error-codes": ["timeout-or-duplicate"]})
        return httpx.Response(200, json={"success": True, "hostname": "www.maple.example"})


async def answer_of(provider: Provider, token: str = "good", secret: str = "ours", hosts: tuple[str, ...] = ()) -> str:
    verify = SiteVerify("https://captcha.example/siteverify", secret, transport=provider)
    return await verify.check(token, "192.0.2.7", hosts, uuid4())


async def test_a_solved_puzzle_counts_once_and_where_it_was_shown() -> None:
    provider = Provider()
    assert await answer_of(provider, hosts=("www.maple.example",)) == "passed"
    assert await answer_of(provider) == "failed", "the same token again"
    assert await answer_of(Provider(), hosts=("other.example",)) == "failed"
    assert await answer_of(Provider(), token="") == "failed"
    assert provider.asked[0]["remoteip"] == ["192.0.2.7"]


@pytest.mark.parametrize(
    "failure",
    [httpx.Response(500), httpx.Response(200, text="<html>"), httpx.Response(200, json=[]), httpx.ConnectTimeout("slow")],
)
async def test_a_provider_that_does_not_answer_is_an_outage_and_no_verdict(failure: httpx.Response | Exception) -> None:
    provider = Provider()
    provider.fails = failure
    assert await answer_of(provider) == "outage"
    assert await answer_of(Provider(), secret="wrong") == "outage", "our own mistake is nobody's guilt"


@pytest.mark.parametrize(("shape", "name"), [("turnstile", "cf-turnstile-response"), ("hcaptcha", "h-captcha-response")])
@pytest.mark.parametrize(
    ("on_outage", "token", "fails", "wanted"),
    [
        ("quarantine", "good", False, (202, "waiting", None)),
        ("quarantine", "bad", False, (202, "quarantined", "captcha not solved")),
        ("quarantine", "good", True, (202, "quarantined", "captcha could not be checked")),
        ("accept", "good", True, (202, "waiting", None)),
        ("reject", "good", True, (503, None, None)),
    ],
)
async def test_a_form_with_a_puzzle_follows_its_own_rule(
    intake_database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shape: str,
    name: str,
    on_outage: str,
    token: str,
    fails: bool,
    wanted: tuple[Any, ...],
) -> None:
    provider = Provider()
    provider.fails = httpx.ReadTimeout("2 s are over") if fails else None
    monkeypatch.setattr(main, "SiteVerify", lambda url, secret: SiteVerify(url, secret, transport=provider))
    captcha = f'[captcha]\nprovider = "{shape}"\nsite_key = "k"\non_outage = "{on_outage}"\n'
    async for doors in open_doors(intake_database, tmp_path, **{f"{shape}_secret": "ours"}):
        await add_form(doors, SPRING + captcha)
        for path in ("/f/spring", "/v1/leads"):
            provider.asked.clear()
            body = filled(form="spring", message=path, **{name: token})
            assert (await doors.http.post(path, json=body)).status_code == wanted[0]
        found = {(one["state"], one["reason"]) for one in await doors.submissions()}
        assert found == ({wanted[1:]} if wanted[1] else set())
        page = await doors.http.get("/f/spring")
        host, kind = {
            "turnstile": ("https://challenges.cloudflare.com", "cf-turnstile"),
            "hcaptcha": ("https://js.hcaptcha.com", "h-captcha"),
        }[shape]
        assert f'class="{kind}" data-sitekey="k"' in page.text
        assert f"script-src {host}" in page.headers["content-security-policy"]


@pytest.mark.parametrize("shape", ["turnstile", "hcaptcha"])
async def test_a_post_that_comes_again_with_its_used_token_gets_its_first_answer(
    intake_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    provider = Provider(shape)
    monkeypatch.setattr(main, "SiteVerify", lambda url, secret: SiteVerify(url, secret, transport=provider))
    async for doors in open_doors(intake_database, tmp_path, **{f"{shape}_secret": "ours"}):
        await add_form(doors, SPRING + f'[captcha]\nprovider = "{shape}"\nsite_key = "k"\n')
        page = filled(_submission_id="1f", _captcha="good")
        assert [(await doors.http.post("/f/spring", data=page)).status_code for _ in range(2)] == [303, 303]
        assert (await doors.only_submission())["state"] == "waiting"
        await doors.forget_contents()
        provider.asked.clear()
        body, key = filled(form="spring", _captcha="good"), {"Idempotency-Key": "k1"}
        first, again = [await doors.http.post("/v1/leads", json=body, headers=key) for _ in range(2)]
        assert (first.status_code, again.status_code) == (202, 202)
        assert first.json() == again.json()
        await doors.http.post("/v1/leads", json=body | {"boiler": "oil"})  # one puzzle is not solved for many posts
        assert [one["state"] for one in await doors.submissions()] == ["waiting", "waiting", "quarantined"]


async def test_a_corrected_mistake_needs_no_second_puzzle(
    intake_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = Provider("hcaptcha")
    monkeypatch.setattr(main, "SiteVerify", lambda url, secret: SiteVerify(url, secret, transport=provider))
    async for doors in open_doors(intake_database, tmp_path, hcaptcha_secret="ours"):
        await add_form(doors, SPRING + '[captcha]\nprovider = "hcaptcha"\nsite_key = "k"\n')
        counted = SUBMISSIONS.labels("spring", "invalid")._value
        before = counted.get()
        for path in ("/f/spring", "/v1/leads"):
            provider.asked.clear()
            posts = [
                filled(form="spring", message=path, _captcha="good", email=email) for email in ("grace@", "grace@example.net")
            ]
            assert [(await doors.http.post(path, json=post)).status_code for post in posts] == [422, 202]
        assert [one["state"] for one in await doors.submissions()] == ["waiting", "waiting"]
        assert counted.get() == before + 2


async def test_who_solves_the_puzzle_at_last_is_no_longer_set_aside(
    intake_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = Provider()
    monkeypatch.setattr(main, "SiteVerify", lambda url, secret: SiteVerify(url, secret, transport=provider))
    async for doors in open_doors(intake_database, tmp_path, turnstile_secret="ours"):
        await add_form(doors, SPRING + '[captcha]\nprovider = "turnstile"\nsite_key = "k"\n')
        for token in ("bad", "good"):
            await doors.http.post("/f/spring", data=filled(_submission_id="1f", _captcha=token))
        assert [one["state"] for one in await doors.submissions()] == ["quarantined", "waiting"]
        provider.asked.clear()
        for _ in range(2):  # without any key the provider must know the post again
            await doors.http.post("/v1/leads", json=filled(form="spring", _captcha="good") | {"boiler": "oil"})
        assert [one["state"] for one in await doors.submissions()] == ["quarantined", "waiting", "waiting"]


async def test_a_silent_provider_holds_nobody_for_longer_than_two_seconds() -> None:
    async def silence(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async with serving(silence) as port:
        began = datetime.now(UTC)
        assert await SiteVerify(f"http://127.0.0.1:{port}/", "ours").check("good", "192.0.2.7", (), uuid4()) == "outage"
        assert datetime.now(UTC) - began < timedelta(seconds=4)
