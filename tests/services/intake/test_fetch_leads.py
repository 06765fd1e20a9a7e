"""A lead that came as a notice is fetched: at once, or when its sender can answer again, and never twice."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.local.ports import free_ports
from services.intake.adapters.graph_api import GraphApi
from services.intake.main import build
from services.intake.settings import Settings
from services.intake.store import endpoints as store
from services.intake.use_cases.capture import Capture
from services.intake.use_cases.fetch_leads import FetchLeads
from services.intake.use_cases.form_book import FormBook
from services.intake.use_cases.hear_sender import Endpoints
from tests.services.intake import senders
from tests.services.intake.conftest import Doors
from tests.services.intake.test_senders import endpoint
from tests.support import until

LEAD = {
    "field_data": [
        {"name": "full_name", "values": ["Grace Hopper"]},
        {"name": "email", "values": ["grace@example.net"]},
        {"name": "phone_number", "values": ["+14195552002"]},
        {"name": "what_do_you_need?", "values": ["estimate", "repair"]},
    ],
    "custom_disclaimer_responses": [{"checkbox_key": "sms_ok", "is_checked": "1"}, {"checkbox_key": "mail_ok", "is_checked": ""}],
    "platform": "ig",
}


def refusal(status: int, code: int, subcode: int | None = None, **headers: str) -> Response:
    error = {"message": "no", "type": "OAuthException", "code": code, "error_subcode": subcode, "fbtrace_id": "x"}
    return JSONResponse({"error": error}, status, headers)


@dataclass
class Graph:
    """A Graph API of ours: it wants the token, knows some leads, and can be made to fail as the real one does."""

    fails_with: Response | Exception | None = None
    asked: list[str] = field(default_factory=list)
    leads: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def answer(self, request: Request) -> Response:
        lead_id = request.path_params["id"]
        self.asked.append(lead_id)
        if isinstance(self.fails_with, Exception):
            raise self.fails_with
        if self.fails_with is not None:
            return self.fails_with
        if request.headers.get("authorization") != "Bearer page-token" or "access_token" in request.query_params:
            return refusal(401, 190, 463)
        if lead_id not in self.leads:
            return refusal(400, 100, 33)
        return JSONResponse({"id": lead_id, **self.leads[lead_id]})

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[Route("/v23.0/{id}", self.answer)])


@dataclass
class World:
    graph: Graph
    fetch: FetchLeads
    clock: list[datetime]
    path: str
    doors: Doors

    async def notice(self, *lead_ids: str | int) -> None:
        body = senders.meta_notice(*lead_ids)
        headers = {"Content-Type": "application/json", **senders.meta_signature(body)}
        assert (await self.doors.http.post(self.path, content=body, headers=headers)).status_code == 200
        self.clock[0] = max(self.clock[0], datetime.now(UTC))  # however slow the machine was

    async def later(self, **time: float) -> None:
        self.clock[0] += timedelta(**time)
        await self.fetch.fetch_due()


@pytest.fixture
async def world(doors: Doors) -> AsyncIterator[World]:
    graph, clock = Graph(leads={"7": LEAD, "8": LEAD}), [datetime.now(UTC)]
    forms = FormBook(doors.database)
    await forms.load()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(graph.app, raise_app_exceptions=False)) as client:
        source = GraphApi("http://graph.example/v23.0/", "page-token", client)
        endpoints = Endpoints(doors.database, Capture("US", doors.queue), forms)
        fetch = FetchLeads(endpoints, source, now=lambda: clock[0])
        yield World(graph, fetch, clock, await endpoint(doors, "meta"), doors)


async def test_a_notice_becomes_a_lead_with_the_answers_fetched(world: World) -> None:
    await world.notice("7")
    assert await world.doors.submissions() == [], "the sender was answered before the answers were here"
    await world.later()
    found = await world.doors.only_submission()
    fields, content = found["content"]["fields"], found["content"]
    assert (found["state"], fields["first_name"], fields["phone"], fields["selection"]) == (
        "waiting",
        "Grace",
        "+14195552002",
        "estimate",
    )
    assert (content["external_id"], content["attribution"]["utm_source"]) == ("7", "instagram")
    assert content["consents"] == [{"channel": "sms", "purpose": None, "granted": True, "text": "sms_ok"}]


async def test_a_lead_is_fetched_once_however_often_its_notice_comes(world: World) -> None:
    await world.notice("7")
    await world.notice(7, "7")
    await world.later()
    await world.notice(7)
    await world.later(hours=30)
    assert world.graph.asked == ["7"]
    assert len(await world.doors.submissions()) == 1


@pytest.mark.parametrize(
    ("failure", "waits"),
    [
        (Response("oops", 500), 5),
        (refusal(500, 2), 5),
        (refusal(400, 4), 5),
        (refusal(429, 613, **{"Retry-After": "600"}), 600),
        (refusal(401, 190, 463), 5),
        (refusal(400, 100, 33), 5),
        (RuntimeError("the connection breaks"), 5),
        (JSONResponse(["not an object"]), 5),
    ],
)
async def test_a_failure_is_tried_again_until_the_lead_is_here(world: World, failure: Response | Exception, waits: int) -> None:
    await world.notice("7")
    world.graph.fails_with = failure
    await world.later()
    await world.later(seconds=waits - 1)
    assert len(world.graph.asked) == 1, "not before its time"
    world.graph.fails_with = None
    await world.later(seconds=1)
    assert (await world.doors.only_submission())["state"] == "waiting"


async def test_a_deleted_lead_is_kept_as_the_notice_it_was(world: World) -> None:
    await world.notice("404")
    await world.later(days=2.9)
    assert await world.doors.submissions() == [], "perhaps only the token's rights are missing"
    await world.later(days=0.2)
    found = await world.doors.only_submission()
    assert (found["state"], found["content"]["external_id"]) == ("quarantined", "404")
    assert "deleted at Meta" in found["reason"]
    await world.later(days=1)
    assert len(world.graph.asked) == 2


async def test_after_two_weeks_without_an_answer_people_look_at_the_notice(world: World) -> None:
    await world.notice("7")
    world.graph.fails_with = refusal(401, 190)
    await world.later(days=13)
    assert await world.doors.submissions() == []
    await world.later(days=2)
    assert "not fetched" in (await world.doors.only_submission())["reason"]


async def test_a_lead_of_the_testing_tool_is_a_test(world: World) -> None:
    world.graph.leads["9"] = {"field_data": [
        {"name": "email", "values": ["test@maple.example"]},
        {"name": "full_name", "values": ["<test lead: dummy data for full_name>"]},
    ]}  # fmt: skip
    await world.notice("9")
    await world.later()
    assert (await world.doors.only_submission())["test"] is True


async def test_what_a_dead_replica_had_in_hand_is_fetched_by_another(world: World) -> None:
    await world.notice("7", "8")
    async with world.doors.database.transaction() as unit:
        now = world.clock[0]
        assert len(await store.claim_fetches(unit, 1, now, now + timedelta(minutes=2))) == 1
    await world.later()
    assert len(world.graph.asked) == 1
    await world.later(minutes=2)
    assert sorted(world.graph.asked) == ["7", "8"]


async def test_the_service_itself_asks_the_address_and_shows_the_token_of_its_settings(
    doors: Doors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, port, path = Graph(leads={"7": LEAD}), free_ports(1)[0], await endpoint(doors, "meta")
    monkeypatch.setenv("INTAKE_META_GRAPH_URL", f"http://127.0.0.1:{port}/v23.0")
    monkeypatch.setenv("INTAKE_META_TOKEN", "page-token")
    service = build(Settings(database_url=doors.database.url, local_dir=tmp_path))
    service.database._pool = doors.database._pool
    for start in service.on_start:
        await start()
    server = uvicorn.Server(uvicorn.Config(graph.app, port=port, lifespan="off", log_level="warning"))
    work = [
        asyncio.create_task(one()) for one in (server.serve, service.background["capture"], service.background["fetch leads"])
    ]
    body = senders.meta_notice("7")
    await doors.http.post(path, content=body, headers={"Content-Type": "application/json", **senders.meta_signature(body)})
    try:
        await until(doors.submissions, what="the lead that was announced")
        assert ((await doors.only_submission())["content"]["external_id"], set(graph.asked)) == ("7", {"7"})
    finally:
        server.should_exit = True
        await work[0]
        for task in work[1:]:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
