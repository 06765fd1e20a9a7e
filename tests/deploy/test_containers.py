"""The compose file for real: build, bring up, the journey, three handoff replicas. Skipped, saying why, without an engine."""

import asyncio
import json
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from deploy.local.ports import free_ports
from shared.envelope import to_record
from shared.events import CRM, JobCompleted
from shared.kafka import make_producer
from shared.settings import ROOT, LocalSettings
from tests.support import person, until

DOCKER = shutil.which("docker", path="/usr/bin:" + os.environ.get("PATH", "")) or "docker"
NEEDED = ("postgres:17", "apache/kafka:4.3.1", os.environ.get("PYTHON_IMAGE", "python:3.13-slim"))
FILE = ROOT / "docker-compose.yml"


def run(*command: str, check: bool = True, timeout: int = 600, **environment: str) -> str:
    done = subprocess.run(
        [DOCKER, *command],
        cwd=ROOT,
        env={**os.environ, "DOCKER_BUILDKIT": "1", **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert not check or done.returncode == 0, f"docker {' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


PORTS = ("INTAKE_PORT", "HANDOFF_PORT", "FOLLOWUP_PORT", "MAIL_PAGE_PORT", "KAFKA_PORT")


def reason_to_skip() -> str | None:
    """No engine, no compose, or an image that is not here (nothing is pulled: that may take for ever)."""
    try:
        if subprocess.run([DOCKER, "info"], capture_output=True, timeout=20, check=False).returncode:
            return "no container engine answers"
        if subprocess.run([DOCKER, "compose", "version"], capture_output=True, timeout=20, check=False).returncode:
            return "docker compose v2 is not installed"
        for image in NEEDED:
            if subprocess.run([DOCKER, "image", "inspect", image], capture_output=True, timeout=20, check=False).returncode:
                return f"the image {image} is not on this machine"
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"no container engine: {error}"
    return None


def test_every_image_is_pinned_and_only_this_machine_is_listened_on() -> None:
    text = FILE.read_text()
    images = re.findall(r"image: ([a-z]\S+)", text)
    assert images
    assert all(":" in image and not image.endswith(":latest") for image in images)
    published = re.findall(r'"([^"]+:\d+)"', "".join(re.findall(r"ports:.*?(?=\n    \w|\n\n)", text, re.S)))
    assert len(published) == 5
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert "container_name" not in text


@pytest.fixture(scope="module")
def compose() -> Iterator[dict[str, str]]:
    if reason := reason_to_skip():
        pytest.skip(reason)
    ports = dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
    environment = {**ports, "COMPOSE_PROJECT_NAME": f"lhtest{secrets.token_hex(3)}"}
    subprocess.run(["python3", "deploy/compose/make_secrets.py"], cwd=ROOT, check=True, capture_output=True)
    network = [f"--secret=id=ca,src={os.environ['PIP_CERT']}"] if os.environ.get("PIP_CERT") else []
    pip = [f"--secret=id=pip,src={path}" for path in ("/etc/pip.conf",) if os.path.exists(path)]
    run("build", "-q", "--network=host", *network, *pip, "-f", "deploy/Dockerfile", "-t", "leadhandoff:0.1.0", ".")
    try:
        run("compose", "up", "-d", "--no-build", "--wait", **environment)
        yield environment
    finally:
        log = run("compose", "logs", "--tail", "30", check=False, **environment)
        run("compose", "down", "-v", "--timeout", "10", check=False, **environment)
        print(log[-6000:])


@pytest.mark.docker
@pytest.mark.timeout(900)
async def test_the_journey_through_containers_with_three_handoff_replicas(compose: dict[str, str]) -> None:
    key = (ROOT / "deploy" / "secrets" / "api-key.txt").read_text().strip()
    urls = {name: f"http://127.0.0.1:{compose[f'{name.upper()}_PORT']}" for name in ("intake", "handoff", "followup")}
    await in_compose(
        compose, "exec", "-T", "handoff", "python", "-m", "services.handoff", "reps", "add", "Rosa", "--email", "r@x"
    )
    async with httpx.AsyncClient(timeout=20, headers={"Authorization": f"Bearer {key}"}) as http:
        assert (await http.get(f"{urls['intake']}/health/ready")).status_code == 200
        await sell(http, urls, compose)
        await in_compose(compose, "up", "-d", "--no-build", "--no-recreate", "--wait", "--scale", "handoff=3")
        leads = [(await http.post(f"{urls['intake']}/v1/leads", json=person())).json()["lead_id"] for _ in range(40)]
        found = [await offer(http, urls, lead) for lead in leads]
        assert [len(one) for one in found] == [1] * len(leads)


async def sell(http: httpx.AsyncClient, urls: dict[str, str], compose: dict[str, str]) -> None:
    lead = person()
    lead_id = (await http.post(f"{urls['intake']}/v1/leads", json=lead)).json()["lead_id"]
    assignment = (await offer(http, urls, lead_id))[0]["assignment_id"]
    won = await http.post(f"{urls['handoff']}/v1/assignments/{assignment}/won", json={"amount": "10.00", "currency": "USD"})
    assert won.json()["state"] == "closed"
    await done(compose, lead_id)

    async def mailed() -> Any:
        mails = json.loads((await http.get(f"http://127.0.0.1:{compose['MAIL_PAGE_PORT']}/api/messages")).text)
        return [mail for mail in mails if lead["email"] in mail["to"]]

    assert len(await until(mailed, seconds=60, what="the thank-you mail")) == 1


async def done(compose: dict[str, str], lead_id: str) -> None:
    """As a CRM on this machine says it, from outside the containers."""
    today = datetime.now(UTC)
    job = JobCompleted(lead_id=UUID(lead_id), job_id="J", completed_on=today.date())
    record = to_record(job, key=lead_id, source="/crm/x", at=today)
    headers = [(name, value.encode()) for name, value in record.headers.items()]
    producer = make_producer(LocalSettings(kafka_bootstrap_servers=f"127.0.0.1:{compose['KAFKA_PORT']}"))
    await producer.start()
    await producer.send_and_wait(CRM, record.value, key=lead_id.encode(), headers=headers)
    await producer.stop()


async def offer(http: httpx.AsyncClient, urls: dict[str, str], lead_id: str) -> list[dict[str, Any]]:
    async def look() -> Any:
        return (await http.get(f"{urls['handoff']}/v1/assignments", params={"lead_id": lead_id})).json()["items"]

    found: list[dict[str, Any]] = await until(look, seconds=60, what="the offer")
    return found


async def in_compose(compose: dict[str, str], *command: str) -> str:
    return await asyncio.to_thread(run, "compose", *command, **compose)
