"""Whatever is sent: never our fault, never another value than the one that was given."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import phonenumbers
import pytest
import schemathesis
import uvicorn
from email_validator import validate_email
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from deploy.local.ports import free_ports
from services.intake.main import build
from services.intake.settings import Settings
from services.intake.store import endpoints
from shared.database import Database
from tests.services.intake.conftest import Doors
from tests.services.intake.support import NOW, Intake

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
PHONES = st.sampled_from(
    ["(419) 555-2001", "+44 20 7946 0018", "419.555.2001", "1-419-555-2001", " +49 30 901820 ", "419 555 2001"]
)
EMAILS = st.sampled_from(
    ["Grace@EXAMPLE.net", "grace@bücher.example", "gräce@maple.example", "用户@例子.广告", "o'hara+x@maple.example"]
)
LEADS = st.fixed_dictionaries(
    {"first_name": TEXTS, "last_name": TEXTS, "message": TEXTS},
    optional={"phone": PHONES | TEXTS, "email": EMAILS | TEXTS | st.emails(), "x": TEXTS, "external_id": TEXTS},
)


@pytest.mark.parametrize("path", ["/v1/leads", "/f/api"])
@BOUNDED
@given(leads=st.lists(LEADS, min_size=5, max_size=5))
async def test_a_value_is_stored_as_it_was_given_or_refused_with_a_sentence(
    doors: Doors, path: str, leads: list[dict[str, Any]]
) -> None:
    for lead in leads:
        sent = {"email": "grace@example.net"} | lead
        body = json.dumps(sent).encode()
        answer = await doors.http.post(path, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code in (202, 400, 422), answer.text
        if answer.status_code == 202:
            async with doors.database.reading() as unit:
                content = await unit.value("SELECT content FROM submission WHERE id = $1::uuid", answer.json()["lead_id"])
            for name in ("first_name", "last_name", "message"):
                assert content["fields"].get(name, "") == sent[name].strip()
            assert content["answers"].get("x", "") == sent.get("x", "")
            assert content["fields"].get("phone", "") == _e164(sent.get("phone", ""))
            assert content["fields"].get("email", "") == _address(sent["email"])


def _e164(phone: str) -> str:
    """As the library writes it."""
    if not phone.strip():
        return ""
    return phonenumbers.format_number(phonenumbers.parse(phone, "US"), phonenumbers.PhoneNumberFormat.E164)


def _address(email: str) -> str:
    """The local part is its owner's own; the domain is written as the library writes it."""
    if not email.strip():
        return ""
    found = validate_email(email.strip(), check_deliverability=False, test_environment=True)
    return f"{found.local_part}@{found.domain}"


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


async def test_every_route_answers_anything_as_its_contract_says(address: str, intake: Intake) -> None:
    lead = await intake.lead(email="ada@maple.example", selection="estimate")
    endpoint = "the-generic-endpoint"
    async with intake.database.transaction() as unit:
        await endpoints.add(unit, {"id": endpoint, "kind": "generic", "form": "api", "created_at": NOW})
    real = {"form": "contact", "endpoint": endpoint, "lead_id": str(lead), "person_id": str(await intake.person_of(lead))}
    answers = await asyncio.to_thread(fuzz, address, real)
    assert {"/v1/leads", "/f/{form}", "/hooks/{endpoint}", "/embed/v1.js", "/v1/ledger"} <= {path for path, _ in answers}
    for (path, method), found in answers.items():
        assert found - {404, 405}, f"{method} {path} never reached anything: {found}"


def fuzz(address: str, real: dict[str, str]) -> dict[tuple[str, str], set[int]]:
    """What each operation was answered."""
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    return {(one.path, one.method): fuzz_operation(one, real) for one in operations}


def fuzz_operation(operation: Any, real: dict[str, str]) -> set[int]:
    """About every other case names something that is there."""
    seen: set[int] = set()

    @BOUNDED
    @given(case=operation.as_strategy(), there=st.booleans())
    def run(case: Any, there: bool) -> None:
        if there and case.path_parameters:
            case.path_parameters = {name: real[name] for name in case.path_parameters}
        headers = {"Authorization": "Bearer lh_everything"} if case.path.startswith("/v1/") else {}
        answer = case.call(headers=headers)
        seen.add(answer.status_code)
        checks = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
        case.validate_response(answer, checks=checks)

    run()
    return seen
