"""Every route of an app, fuzzed from its own OpenAPI: no 5xx, and every answer as it is declared."""

import asyncio
from collections import defaultdict
from typing import Any

import httpx
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS

KEPT = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")
BASE = "http://fuzzed"
BOUNDED = settings(
    max_examples=8,
    phases=(Phase.explicit, Phase.generate),
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
Answers = dict[tuple[str, str], set[int]]


def fuzz(runner: asyncio.Runner, app: FastAPI, known: dict[str, Any], *, key: str) -> Answers:
    """Which statuses each operation was answered with. `known`: values of path parameters that exist, by name or by path.

    To be called in a thread: the fuzzer waits for each answer, in the loop of `runner`.
    """
    schema = schemathesis.openapi.from_dict(app.openapi())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    client = httpx.AsyncClient(transport=transport, base_url=BASE, headers={"Authorization": f"Bearer {key}"})
    answers: Answers = defaultdict(set)
    for found in schema.get_all_operations():
        _fuzz(runner, client, found.ok(), known, answers)
    runner.run(client.aclose())
    return answers


def _fuzz(runner: asyncio.Runner, client: httpx.AsyncClient, operation: Any, known: dict[str, Any], answers: Answers) -> None:
    checks = [CHECKS.get_one(name) for name in KEPT]
    here = known.get(operation.path.split("{")[0], known)

    @BOUNDED
    @given(case=operation.as_strategy(), real=st.booleans())
    def one(case: Any, real: bool) -> None:
        if real:  # what exists, or nothing but 404 would be tried
            case.path_parameters.update({name: str(here[name]) for name in case.path_parameters if name in here})
        sent = case.as_transport_kwargs(base_url=BASE)
        sent["headers"] = {**dict(sent["headers"]), "Authorization": client.headers["Authorization"]}
        sent.pop("cookies", None)
        answer = runner.run(client.request(**sent))
        answers[operation.path, operation.method.upper()].add(answer.status_code)
        case.validate_response(answer, checks=checks)

    one()
