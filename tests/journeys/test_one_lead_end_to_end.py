"""The whole line through real processes, Kafka, Postgres and SMTP."""

import asyncio
import json
from datetime import UTC, datetime
from email import message_from_string, policy
from typing import Any

import httpx

from deploy.local.system import System
from shared.events import CRM, FOLLOWUP, HANDOFF, INTAKE
from tests.support import outcome_headers, person, read_topic, until, write

TRACE = "a" * 32


async def offer(http: httpx.AsyncClient, system: System, lead_id: str) -> dict[str, Any]:
    async def look() -> Any:
        answer = await http.get(f"{system.url('handoff')}/v1/assignments", params={"lead_id": lead_id})
        return next(iter(answer.json()["items"]), None)

    found: dict[str, Any] = await until(look, what="the offer")
    return found


async def mails_to(http: httpx.AsyncClient, system: System, address: str) -> list[dict[str, Any]]:
    found = (await http.get(f"http://127.0.0.1:{system.ports.mail_page}/api/messages")).json()
    return [mail for mail in found if address in mail["to"]]


async def test_a_lead_becomes_a_client_who_is_thanked_once_and_can_stop(system: System, http: httpx.AsyncClient) -> None:
    lead = person(phone="(419) 555-2001", utm_source="google", consents=[{"channel": "email", "granted": True, "text": "Yes"}])
    posted = await http.post(f"{system.url('intake')}/v1/leads", json=lead, headers={"traceparent": f"00-{TRACE}-{'b' * 16}-01"})
    assert posted.status_code == 202
    assert posted.json()["status"] == "received"
    lead_id = posted.json()["lead_id"]

    assignment = await offer(http, system, lead_id)
    accepted = await http.post(f"{system.url('handoff')}/v1/assignments/{assignment['assignment_id']}/accept")
    assert accepted.json()["state"] == "accepted"

    bootstrap = system.kafka.address
    won = json.dumps({"lead_id": lead_id, "amount": "1250.00", "currency": "USD"}).encode()
    today = datetime.now(UTC).date().isoformat()
    job = json.dumps({"lead_id": lead_id, "job_id": "J-1", "trade": "plumbing", "completed_on": today}).encode()
    for _ in range(2):  # a CRM may repeat itself
        await asyncio.to_thread(write, bootstrap, CRM, lead_id, won, outcome_headers("outcome.won", f"won-{lead_id}"))
        await asyncio.to_thread(write, bootstrap, CRM, lead_id, job, outcome_headers("job.completed", f"job-{lead_id}"))

    mail = (await until(lambda: mails_to(http, system, lead["email"]), what="the thank-you"))[0]
    raw = (await http.get(f"http://127.0.0.1:{system.ports.mail_page}/api/messages/{mail['id']}")).text
    message = message_from_string(raw, policy=policy.default)
    assert message["Subject"] == "Thank you, Ada"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = message["List-Unsubscribe"].strip("<>")

    calendar_url = f"{system.url('followup')}/v1/clients/{await client_of(http, system, lead_id)}/calendar"
    touches = {touch["step"]: touch for touch in (await http.get(calendar_url)).json()["touches"]}
    assert touches["thank_you"]["state"] == "sent"
    assert {touch["state"] for step, touch in touches.items() if step != "thank_you"} == {"planned"}

    assert (await http.get(link)).status_code == 200
    assert {t["state"] for t in (await http.get(calendar_url)).json()["touches"]} == {
        "sent",
        "planned",
    }
    for _ in range(2):
        answer = await http.post(link, data={"List-Unsubscribe": "One-Click"}, headers={"Authorization": ""})
        assert answer.status_code == 200
    after = {touch["step"]: touch for touch in (await http.get(calendar_url)).json()["touches"]}
    assert (after["review"]["state"], after["review"]["reason"]) == ("skipped", "opt_out")
    assert after["check_in"]["state"] == "planned"  # mail about their own job goes on
    assert len(await mails_to(http, system, lead["email"])) == 1

    await assert_journey_and_topics(system, http, lead, lead_id)


async def client_of(http: httpx.AsyncClient, system: System, lead_id: str) -> str:
    journey = (await http.get(f"{system.url('handoff')}/v1/leads/{lead_id}")).json()["journey"]
    return str(next(step["data"]["person_id"] for step in journey if step["type"].endswith("lead.opened.v1")))


async def assert_journey_and_topics(system: System, http: httpx.AsyncClient, lead: dict[str, Any], lead_id: str) -> None:
    async def complete() -> Any:
        found = (await http.get(f"{system.url('handoff')}/v1/leads/{lead_id}")).json()
        return found if any(step["type"].endswith("touch.sent.v1") for step in found["journey"]) else None

    found = await until(complete, what="the journey")
    assert found["state"] == "won"
    assert [step["type"].split(".", 1)[1] for step in found["journey"] if step["unit"] == "handoff"] == [
        "assignment.offered.v1",
        "assignment.accepted.v1",
        "lead.contacted.v1",
        "lead.sales_qualified.v1",
        "lead.won.v1",
        "job.completed.v1",
    ]
    assert lead["email"] not in json.dumps(found["journey"])  # facts hold no personal data
    records = await asyncio.to_thread(read_topic, system.kafka.address, INTAKE)
    mine = [record for record in records if record.key == lead_id]
    assert [record.type for record in mine] == ["lead.opened", "lead.qualified"]
    assert mine[0].headers["ce_sequence"] < mine[1].headers["ce_sequence"]
    contact = mine[1].data["contact"]
    assert contact["phone"] == "+14195552001"
    assert contact["email"] == lead["email"]
    (said,) = mine[1].data["consents"]
    assert said.items() >= {"channel": "email", "purpose": None, "granted": True, "text": "Yes"}.items()
    sales = [r for r in await asyncio.to_thread(read_topic, system.kafka.address, HANDOFF) if r.key == lead_id]
    decision = next(record.data["decision"] for record in sales if record.type == "assignment.offered")
    assert decision["sentence"]
    assert len(decision["hash"]) == 64
    assert [r.type for r in sales].count("lead.won") == 1
    ours = [record for record in [*mine, *sales] if record.type in ("lead.opened", "lead.qualified", "assignment.offered")]
    assert [record.headers["traceparent"][3:35] for record in ours] == [TRACE.encode()] * 3  # the sender's own, two steps later
    touches = [r for r in await asyncio.to_thread(read_topic, system.kafka.address, FOLLOWUP) if lead_id.encode() in r.value]
    assert [r.type for r in touches][:2] == ["client.created", "touch.sent"]


async def test_the_same_content_and_the_same_key_get_the_same_answer(system: System, http: httpx.AsyncClient) -> None:
    url, lead = f"{system.url('intake')}/v1/leads", person()
    answers = await asyncio.gather(*(http.post(url, json=lead) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["lead_id"] for answer in answers}) == 1
    other, key = person(), {"Idempotency-Key": f"key-{lead['email']}"}
    keyed = await asyncio.gather(*(http.post(url, json=other, headers=key) for _ in range(10)))
    assert len({answer.json()["lead_id"] for answer in keyed}) == 1
    assert (await http.post(url, json=other, headers=key)).headers["Idempotent-Replayed"] == "true"
    clash = await http.post(url, json=person(), headers=key)
    assert clash.status_code == 422


async def test_a_second_need_is_a_second_lead_and_the_same_need_is_a_touch(system: System, http: httpx.AsyncClient) -> None:
    url, lead = f"{system.url('intake')}/v1/leads", person()
    first = (await http.post(url, json=lead)).json()["lead_id"]
    await offer(http, system, first)
    second = (await http.post(url, json={**lead, "selection": "maintenance"})).json()["lead_id"]
    again = (await http.post(url, json={**lead, "message": "Are you there?"})).json()["lead_id"]
    await offer(http, system, second)

    async def merged() -> Any:
        records = await asyncio.to_thread(read_topic, system.kafka.address, INTAKE)
        return [record for record in records if record.key == again]

    record = (await until(merged, what="the merge"))[0]
    assert (record.type, record.data["into"]) == ("lead.merged", first)
    people = {
        r.data["person_id"] for r in await asyncio.to_thread(read_topic, system.kafka.address, INTAKE) if r.key in (first, second)
    }
    assert len(people) == 1


async def test_a_test_lead_never_reaches_a_rep(system: System, http: httpx.AsyncClient) -> None:
    url = f"{system.url('intake')}/v1/leads"
    test_lead = (await http.post(url, json=person(test=True))).json()["lead_id"]
    real = (await http.post(url, json=person())).json()["lead_id"]
    await offer(http, system, real)
    answer = await http.get(f"{system.url('handoff')}/v1/assignments", params={"lead_id": test_lead})
    assert answer.json()["items"] == []
