"""Whatever is sent: never our fault, never another value than the one that was given."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from deploy.local.ports import free_ports
from services.intake.main import build
from services.intake.settings import Settings
from shared.database import Database
from tests.services.intake.conftest import Doors

BOUNDED = settings(
    max_examples=12,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
TEXTS = st.text(max_size=60) | st.sampled_from(["é̂", "‮abc", "\ud800", "a\x00b", "a\r\nb", "  ", "𝒜𝒹𝒶", "ﷺ" * 60, "￿"])
ONE_LINE = re.compile("[\x00-\x1f\x7f\u2028\u2029]")
LEADS = st.fixed_dictionaries(
    {"first_name": TEXTS, "last_name": TEXTS, "message": TEXTS},
    optional={"phone": TEXTS, "email": TEXTS | st.emails(), "x": TEXTS, "external_id": TEXTS},
)


@BOUNDED
@given(leads=st.lists(LEADS, min_size=5, max_size=5))
async def test_a_value_is_stored_as_it_was_given_or_refused_with_a_sentence(doors: Doors, leads: list[dict[str, Any]]) -> None:
    for lead in leads:
        sent = {"email": "grace@example.net"} | lead
        body = json.dumps(sent).encode()
        answer = await doors.http.post("/v1/leads", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code in (202, 400, 422), answer.text
        if answer.status_code == 202:
            async with doors.database.reading() as unit:
                content = await unit.value("SELECT content FROM submission WHERE id = $1::uuid", answer.json()["lead_id"])
            for name in ("first_name", "last_name", "message"):
                assert content["fields"].get(name, "") == sent[name].strip()
            assert content["answers"].get("x", "") == sent.get("x", "")


@pytest.fixture
async def address(intake_database: Database, tmp_path: Path) -> AsyncIterator[str]:
    """Intake behind a real server."""
    port = free_ports(1)[0]
    (tmp_path / "api-key").write_text("lh_everything")
    service = build(Settings(database_url=intake_database.url, local_dir=tmp_path))
    service.database._pool = intake_database._pool
    for start in service.on_start:
        await start()
    server = uvicorn.Server(uvicorn.Config(service.app, port=port, lifespan="off", log_level="warning"))
    work = [asyncio.create_task(server.serve()), asyncio.create_task(service.background["capture"]())]
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await work[0]
    work[1].cancel()
    await asyncio.gather(*work, return_exceptions=True)


async def test_every_route_answers_anything_as_its_contract_says(address: str) -> None:
    tried = await asyncio.to_thread(fuzz, address)
    assert {"/v1/leads", "/f/{form}", "/hooks/{endpoint}", "/embed/v1.js", "/v1/ledger"} <= tried


def fuzz(address: str) -> set[str]:
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
    tried = set()
    for found in schema.get_all_operations():
        operation = found.ok()
        tried.add(operation.path)

        @BOUNDED
        @given(case=operation.as_strategy())
        def run(case: Any) -> None:
            headers = {"Authorization": "Bearer lh_everything"} if case.path.startswith("/v1/") else {}
            answer = case.call(headers=headers)
            checks = [not_a_server_error, status_code_conformance, content_type_conformance]
            case.validate_response(answer, checks=checks)

        run()
    return tried
