"""Every route of handoff, fuzzed from its own OpenAPI: no 5xx, and every answer as it is declared."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS

from shared.database import Database
from tests.services.handoff.support import BASE, KEY, Handoff
from tests.support import in_thread

EXAMPLES = 6
KEPT = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")
BOUNDED = settings(
    max_examples=EXAMPLES,
    phases=(Phase.explicit, Phase.generate),
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


async def test_every_route_keeps_to_its_contract_whatever_is_sent(new_database: Any) -> None:
    url = await new_database("handoff")
    await in_thread(_fuzz_all, url)


def _fuzz_all(url: str) -> None:
    """In a thread with a loop of its own: the fuzzer waits for each answer."""
    with asyncio.Runner() as runner:
        handoff, known = runner.run(_begin(url))
        schema = schemathesis.openapi.from_dict(handoff.app().openapi())
        transport = httpx.ASGITransport(handoff.app(), raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url=BASE, headers={"Authorization": f"Bearer {KEY}"})
        checked = 0
        for found in schema.get_all_operations():
            _fuzz(runner, client, found.ok(), known)
            checked += 1
        runner.run(client.aclose())
        runner.run(handoff.database.close())
    assert checked > 20


async def _begin(url: str) -> tuple[Handoff, dict[str, UUID]]:
    database = Database(url, name="fuzz", size=2)
    await database.open()
    handoff = Handoff(database)
    reps = await handoff.start("Rosa", "Sam")
    lead = await handoff.qualify()
    return handoff, {"lead_id": lead, "assignment_id": (await handoff.active(lead))["id"], "rep_id": reps[0]}


def _fuzz(runner: asyncio.Runner, client: httpx.AsyncClient, operation: Any, known: dict[str, UUID]) -> None:
    checks = [CHECKS.get_one(name) for name in KEPT]

    @BOUNDED
    @given(case=operation.as_strategy(), real=st.booleans())
    def one(case: Any, real: bool) -> None:
        if real:  # ids that exist, or nothing but 404 would be tried
            case.path_parameters.update({name: str(known[name]) for name in case.path_parameters if name in known})
        sent = case.as_transport_kwargs(base_url=BASE)
        sent["headers"] = {**dict(sent["headers"]), "Authorization": f"Bearer {KEY}"}
        sent.pop("cookies", None)
        answer = runner.run(client.request(**sent))
        case.validate_response(answer, checks=checks)

    one()
