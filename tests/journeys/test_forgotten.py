"""A client is forgotten in all three services; nothing that is replayed, redriven or logged brings them back."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx

from deploy.local.system import SERVICES, System
from shared.events import CRM, FOLLOWUP, HANDOFF, INTAKE
from tests.journeys.test_one_lead_end_to_end import mails_to, offer
from tests.support import Record, outcome_headers, person, read_topic, until, write

NAME, PHONE = "Quillzyx", "+13135550177"  # nobody else's: crowds of other tests have numbers in 419


async def everything(system: System, service: str) -> dict[str, str]:
    """Every row of a service's database as text, by table; bytes as they read."""
    connection = await asyncpg.connect(system.postgres.url(service))
    try:
        names = [row[0] for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        rows = {name: await connection.fetch(f"SELECT t::text FROM {name} t") for name in names}
    finally:
        await connection.close()
    return {name: "\n".join(row[0] for row in found) for name, found in rows.items()}


def traces_of(text: str, email: str) -> list[str]:
    """Where the person still shows, in clear or as hexadecimal bytes."""
    lowered = text.lower()
    said = [NAME.lower(), email.lower(), PHONE]
    return [one for one in said if one in lowered or one.encode().hex() in lowered]


async def places(system: System, email: str) -> list[tuple[str, str]]:
    """Service and table."""
    found = [(service, name, text) for service in SERVICES for name, text in (await everything(system, service)).items()]
    return [(service, name) for service, name, text in found if traces_of(text, email)]


async def until_forgotten(system: System, email: str) -> None:
    left: list[tuple[str, str]] = []

    async def look() -> bool:
        left[:] = await places(system, email)
        return not left

    try:
        await until(look, what="forgetting")
    except AssertionError as error:
        raise AssertionError(f"still in {left}") from error


async def becomes_a_client(system: System, http: httpx.AsyncClient, lead: dict[str, Any]) -> str:
    lead_id = str((await http.post(f"{system.url('intake')}/v1/leads", json=lead)).json()["lead_id"])
    assignment = (await offer(http, system, lead_id))["assignment_id"]
    sold = {"amount": "1250.00", "currency": "USD"}
    answer = await http.post(f"{system.url('handoff')}/v1/assignments/{assignment}/won", json=sold)
    assert answer.status_code == 200
    today = datetime.now(UTC).date().isoformat()
    job = json.dumps({"lead_id": lead_id, "job_id": f"J-{lead_id}", "completed_on": today}).encode()
    await asyncio.to_thread(write, system.kafka.address, CRM, lead_id, job, outcome_headers("job.completed", f"job-{lead_id}"))
    await until(lambda: mails_to(http, system, lead["email"]), what="the thank-you")
    return lead_id


async def records_about(system: System, lead_id: str) -> list[tuple[str, Record]]:
    found = []
    for topic in (INTAKE, HANDOFF, FOLLOWUP, CRM):
        records = await asyncio.to_thread(read_topic, system.kafka.address, topic)
        found += [(topic, record) for record in records if lead_id.encode() in (record.value or b"") or record.key == lead_id]
    return found


async def replay(system: System, records: list[tuple[str, Record]], *, as_new: bool) -> None:
    """As they were, and as a reader would see them whose inbox has forgotten them."""
    for number, (topic, record) in enumerate(records):
        headers: dict[str, str | bytes] = dict(record.headers)
        if as_new:
            headers |= {"ce_id": f"again-{number}-{record.id}", "redrive-count": "1"}
        await asyncio.to_thread(write, system.kafka.address, topic, record.key, record.value, headers)


async def test_a_client_who_is_erased_is_gone_everywhere_and_nothing_revives_them(
    system: System, http: httpx.AsyncClient
) -> None:
    lead = person(last_name=NAME, phone=PHONE, message=f"{NAME} here")
    lead["consents"] = [{"channel": "email", "granted": True, "text": f"Yes, says {NAME}"}]
    assert await places(system, lead["email"]) == []
    lead_id = await becomes_a_client(system, http, lead)
    again = (await http.post(f"{system.url('intake')}/v1/leads", json={**lead, "selection": "question"})).json()["lead_id"]
    await offer(http, system, again)
    assert {service for service, _ in await places(system, lead["email"])} == set(SERVICES)
    old = await records_about(system, lead_id) + await records_about(system, again)
    mails = len(await mails_to(http, system, lead["email"]))

    assert "Erased" in await system.run("-m", "services.intake", "persons", "erase", lead["email"], "--yes")

    await until_forgotten(system, lead["email"])
    await replay(system, old, as_new=False)
    await replay(system, old, as_new=True)
    await becomes_a_client(system, http, person())  # behind the replayed ones, through all three
    await until_forgotten(system, lead["email"])
    assert len(await mails_to(http, system, lead["email"])) == mails
    for one in (lead_id, again):
        items = (await http.get(f"{system.url('handoff')}/v1/assignments", params={"lead_id": one})).json()["items"]
        assert not {item["state"] for item in items} & {"offered", "accepted", "active"}
    ledger = (await http.get(f"{system.url('intake')}/v1/ledger")).json()["leads"]
    assert ledger["erased"] == 2
    logs = "\n".join(path.read_text() for path in (system.local_dir / "run").glob("*.log"))
    assert traces_of(logs, lead["email"]) == []
