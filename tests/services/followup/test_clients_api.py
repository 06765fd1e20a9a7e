"""A client's calendar over HTTP, what people tell us of a client, and the commands on a real database."""

import contextlib
import os
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest
from click.testing import CliRunner
from fastapi import FastAPI

from services.followup.api.clients import client_routes
from services.followup.cli import main
from services.followup.domain.plans import CHANNELS
from services.followup.settings import PLAN
from shared import http as edge
from shared.database import Database
from shared.security import KeyRing
from tests.services.followup.company import Company
from tests.services.followup.sending import told
from tests.services.followup.test_inbound import suppressions
from tests.support import in_thread


@pytest.fixture
async def company(followup_database: Database) -> Company:
    found = Company(followup_database)
    await found.agree()
    return found


@contextlib.asynccontextmanager
async def client_api(company: Company, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    (tmp_path / "key").write_text("lh_key")
    app = FastAPI()
    edge.install(app)
    app.include_router(client_routes(company.database, KeyRing(tmp_path / "key", company.database), company.pauses))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://followup", headers={"Authorization": "Bearer lh_key"}
    ) as client:
        yield client


@pytest.fixture
async def api(company: Company, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with client_api(company, tmp_path) as client:
        yield client


async def test_the_calendar_tells_local_time_and_why(api: httpx.AsyncClient, company: Company) -> None:
    client_id = await company.client()
    touches = (await api.get(f"/v1/clients/{client_id}/calendar")).json()["touches"]
    review = next(one for one in touches if one["step"] == "review")
    assert (review["local_date"], review["zone"], review["state"]) == ("2026-12-01", "America/New_York", "planned")
    tip = next(one for one in touches if one["step"] == "tips")
    assert tip["notes"][0] == "2026-12-01: cap not_service 1 per 2 days (review goes first)"


async def test_the_days_of_a_calendar_are_the_companys(api: httpx.AsyncClient, company: Company) -> None:
    url = f"/v1/clients/{await company.client()}/calendar"
    due = next(one["due_at"] for one in (await api.get(url)).json()["touches"] if one["step"] == "review")
    local = datetime.fromisoformat(due).astimezone(ZoneInfo("America/New_York")).replace(tzinfo=None)
    found = await api.get(url, params={"from": local.isoformat(), "to": (local + timedelta(seconds=1)).isoformat()})
    assert [one["step"] for one in found.json()["touches"]] == ["review"]
    for odd in (
        {"to": "9999-12-31T23:59:59-05:00"},
        {"from": "0001-01-01T00:00:00+05:00"},
        {"from": "2027-01-02", "to": "2027-01-01"},
    ):
        answer = await api.get(url, params=odd)
        assert (answer.status_code, "before `to`" in answer.json()["detail"]) == (422, True)


async def test_what_people_tell_changes_the_calendar(api: httpx.AsyncClient, company: Company) -> None:
    client_id, other = await company.client(), await company.client()
    url = f"/v1/clients/{client_id}"
    assert (await api.post(f"{url}/zone", json={"zone": "America/Denver"})).json()["moved"] > 3
    assert (await api.post(f"{url}/household", json={"with_client_id": str(other)})).status_code == 200
    assert (await api.post(f"{url}/assets", json={"kind": "water_heater", "installed_on": "2020-03-01"})).status_code == 200
    assert (await api.post(f"{url}/holds", json={"open": True})).status_code == 200
    assert (await company.touches(client_id))["anniversary"]["state"] == "paused"
    assert (await api.post(f"{url}/moved", json={})).status_code == 200
    assert (await company.touches(client_id))["anniversary"]["reason"] == "moved"


async def test_a_stop_that_a_person_was_told_is_told_to_everybody_and_survives_a_restore(
    api: httpx.AsyncClient, company: Company
) -> None:
    client_id = await company.client()
    for _ in range(2):
        assert (await api.post(f"/v1/clients/{client_id}/stop", json={})).status_code == 200
    assert (await company.touches(client_id))["anniversary"]["reason"] == "asked_to_stop"
    revoked = [event for event in await told(company.database) if event["type"] == "consent.revoked"]
    assert [(event["channel"], event["purpose"]) for event in revoked] == [(channel, None) for channel in CHANNELS]
    assert ("email", "all", "asked a person to stop") in await suppressions(company.database)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("zone", {"zone": "Mars/Base"}),
        ("assets", {"kind": "x y", "installed_on": "2020-01-01"}),
        ("assets", {"kind": "water_heater", "installed_on": "0001-01-01"}),
        ("assets", {"kind": "water_heater", "installed_on": "1900-01-01"}),  # what some CRMs write for "not known"
        ("assets", {"kind": "water_heater", "installed_on": "2126-01-01"}),
        ("holds", {}),
        ("moved", {"x": 1}),
    ],
)
async def test_nonsense_is_a_422(api: httpx.AsyncClient, company: Company, path: str, body: dict[str, Any]) -> None:
    client_id = await company.client()
    assert (await api.post(f"/v1/clients/{client_id}/{path}", json=body)).status_code == 422


async def test_a_stranger_is_a_404_and_no_key_a_401(api: httpx.AsyncClient) -> None:
    for method, path in (("GET", "calendar"), ("POST", "moved"), ("POST", "zone")):
        url = f"/v1/clients/{uuid4()}/{path}"
        assert (await api.request(method, url, json={})).status_code == 404
        assert (await api.request(method, url, json={}, headers={"Authorization": "Bearer no"})).status_code == 401


async def test_an_address_makes_letters_possible(company: Company, api: httpx.AsyncClient) -> None:
    client_id = await company.client()
    answer = await api.post(f"/v1/clients/{client_id}/address", json={"address": "1 Elm St\nToledo OH 43604"})
    assert answer.status_code == 200
    async with company.database.reading() as unit:
        contact = await unit.value("SELECT contact FROM client WHERE id = $1", UUID(str(client_id)))
    assert contact["address"] == "1 Elm St\nToledo OH 43604"
    assert (await api.post(f"/v1/clients/{client_id}/address", json={"address": "1\r\nX: y"})).status_code == 422


async def run(company: Company, tmp_path: Path, *words: str) -> tuple[int, str]:
    environment = {**os.environ, "FOLLOWUP_DATABASE_URL": company.database.url, "LOCAL_DIR": str(tmp_path)}
    result = await in_thread(lambda: CliRunner().invoke(main, list(words), env=environment))
    return result.exit_code, result.output


async def test_the_commands_tell_and_change_plans(company: Company, tmp_path: Path) -> None:
    client_id = str(await company.client(first_name="Zoë"))
    file = tmp_path / "plan.toml"
    file.write_text(PLAN.read_text().replace("version = 1", "version = 2").replace('after = "30 days"', 'after = "45 days"'))
    assert "after-unit version 2 is published" in (await run(company, tmp_path, "plan", "publish", str(file)))[1]
    again = await run(company, tmp_path, "plan", "publish", str(file))
    assert again == (1, "This version exists, and a version never changes: raise `version` in the file.\n")
    assert "       1 clients" in (await run(company, tmp_path, "plan", "list"))[1]
    shown = (await run(company, tmp_path, "plan", "diff", "after-unit", "1", "2"))[1]
    assert "1 see 1 move, by 15 days at most." in shown
    wrong = await run(company, tmp_path, "plan", "apply", "after-unit", "1", "2", "--hash", "0")
    assert wrong[0] == 1
    applied = await run(company, tmp_path, "plan", "apply", "after-unit", "1", "2", "--hash", shown.split("hash ")[1].strip())
    assert applied == (0, "Gone over: 1 enrolment. The calendars follow within seconds.\n")
    assert client_id in (await run(company, tmp_path, "clients", "list"))[1]
    assert (await run(company, tmp_path, "clients", "list", "--after", str(UUID(int=2**128 - 1))))[1] == "There is nobody.\n"
    said = (await run(company, tmp_path, "plan", "retire", "after-unit"))[1]
    assert said == "after-unit takes no new clients. Those in it stay.\n"
    assert "plan after-unit 2 for job-1: active" in (await run(company, tmp_path, "clients", "show", client_id))[1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("plan", "diff", "after-unit", "1", "1"), "Both are version 1"),
        (("plan", "diff", "after-unit", "1", "99999999999"), "99999999999 is not in the range"),
        (("plan", "show", "after-unit", "99999999999"), "99999999999 is not in the range"),
        (("plan", "apply", "after-unit", "1", "9", "--hash", "x"), "of after-unit: see plan list"),
        (("plan", "lint", str(PLAN)), "cannot be read: This is not TOML"),
        (("audit", "--relay-log", "/"), "is a directory"),
    ],
)
async def test_a_command_that_cannot_be_says_why(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], sentence: str
) -> None:
    (tmp_path / "agreement.toml").write_text("no agreement")
    monkeypatch.setenv("AGREEMENT_FILE", str(tmp_path / "agreement.toml"))
    code, said = await run(company, tmp_path, *words)
    assert (code > 0, sentence in said) == (True, True), said


async def test_two_mails_of_one_day_and_step_are_two_pages(company: Company, tmp_path: Path) -> None:
    won = await company.win()
    for job_id in ("job-1", "job-2"):
        await company.complete(won, job_id=job_id)
    words = ("preview", "--client", str(won.person_id), "--year", "2026", "--brief", "--html")
    assert (await run(company, tmp_path, *words, str(tmp_path / "mails")))[0] == 0
    assert {"2026-11-24-thank_you.html", "2026-11-24-thank_you-2.html"} <= {one.name for one in (tmp_path / "mails").iterdir()}
    (tmp_path / "file").touch()
    code, said = await run(company, tmp_path, *words, str(tmp_path / "file" / "mails"))
    assert (code, "cannot be written" in said) == (1, True)


async def test_preview_prints_the_year_and_writes_pages(company: Company, tmp_path: Path) -> None:
    client_id = str(await company.client(first_name="Zoë"))
    code, said = await run(
        company, tmp_path, "preview", "--client", client_id, "--year", "2027", "--html", str(tmp_path / "mails")
    )
    assert code == 0
    assert "Wed 2027-11-24 10:00 America/New_York  after-unit anniversary  email  planned" in said
    assert "Hello Zoë," in said
    assert "Zoë" in (tmp_path / "mails" / "2027-11-24-anniversary.html").read_text()
    brief = await run(company, tmp_path, "preview", "--client", client_id, "--year", "2027", "--brief")
    assert brief == await run(company, tmp_path, "preview", "--client", client_id, "--year", "2027", "--brief")
    assert "Hello" not in brief[1]
    assert (await run(company, tmp_path, "why", "--client", client_id, "--step", "reviews"))[1].endswith("has no step reviews.\n")
    assert (await run(company, tmp_path, "why", "--client", str(uuid4()), "--step", "review"))[0] == 1
