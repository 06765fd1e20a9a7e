"""Faults on the real parts while leads flow: nothing lost, nothing twice, order per lead, the ledger balanced.

FAULT_SECONDS makes it longer, FAULT_SEED another run of the dice.
"""

import asyncio
import json
import os
import random
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from deploy.local.system import SERVICES, System
from shared.events import CRM, FOLLOWUP, INTAKE
from tests.faults.load import Load, check, offered
from tests.support import outcome_headers, person, read_topic, until, write

SECONDS = float(os.environ.get("FAULT_SECONDS", "20"))
SEED = int(os.environ.get("FAULT_SEED", "7"))


@pytest.mark.timeout(600)
async def test_kill_nine_anywhere_loses_nothing_and_does_nothing_twice(system: System) -> None:
    dice, load, turns = random.Random(SEED), Load(system), list[str]()
    running = asyncio.create_task(load.run(30))
    end = asyncio.get_running_loop().time() + SECONDS
    try:
        while asyncio.get_running_loop().time() < end:
            await asyncio.sleep(dice.uniform(0.5, 2.0))
            turns = turns or dice.sample(SERVICES, len(SERVICES))  # each in turn, in an order that nobody chose
            victim = turns.pop()
            await system.parts[victim].kill()
            system.start_service(victim)
            await system.until_ready(victim)
    finally:
        load.stop()
        await running
    await check(system, load.answered)


@pytest.mark.timeout(600)
async def test_a_killed_broker_comes_back_with_every_record(system: System) -> None:
    load = Load(system)
    running = asyncio.create_task(load.run(30))
    try:
        await asyncio.sleep(2)
        await system.kafka.kill()
        await system.kafka.start()
        await asyncio.sleep(2)
    finally:
        load.stop()
        await running
    await check(system, load.answered)


@pytest.mark.timeout(600)
async def test_answers_go_on_while_the_broker_is_away(system: System) -> None:
    load = Load(system)
    await system.kafka.stop()
    running = asyncio.create_task(load.run(30))
    try:
        await asyncio.sleep(10)
        assert len(load.answered) > 200  # all of them, at once, with Kafka away
        assert load.slowest < 2.0
    finally:
        await system.kafka.start()
        await asyncio.sleep(1)
        load.stop()
        await running
    await check(system, load.answered)


@pytest.mark.timeout(600)
async def test_two_handoff_replicas_join_and_leave(system: System) -> None:
    load = Load(system)
    running = asyncio.create_task(load.run(40))
    try:
        names = [await system.add_replica("handoff", 1), await system.add_replica("handoff", 2)]
        await asyncio.sleep(2)
        await system.parts[names[0]].stop()
        await asyncio.sleep(1)
        await system.parts[names[1]].kill()
    finally:
        load.stop()
        await running
        for name in ("handoff-1", "handoff-2"):
            part = system.parts.pop(name, None)
            if part is not None:
                await part.stop()
    await check(system, load.answered)


@pytest.mark.timeout(300)
async def test_duplicates_change_nothing(system: System, http: httpx.AsyncClient) -> None:
    """Everything that was published is delivered again, oldest last: no second offer, and no second mail to the rep."""
    lead = person()
    lead_id = (await http.post(f"{system.url('intake')}/v1/leads", json=lead)).json()["lead_id"]
    await until(lambda: offered(system, {lead_id}), what="the offer")
    mails = await told_again(http, system)
    await http.post(f"{system.url('intake')}/v1/leads", json=lead | {"message": "And it drips faster."})

    async def heard() -> bool:
        return await told_again(http, system) == mails + 1

    await until(heard, what="the mail that they reached out again")
    records = [r for r in await asyncio.to_thread(read_topic, system.kafka.address, INTAKE) if r.key == lead_id]
    for record in reversed(records):
        await asyncio.to_thread(write, system.kafka.address, INTAKE, record.key, record.value, record.headers, record.partition)
    after = (await http.post(f"{system.url('intake')}/v1/leads", json=person())).json()["lead_id"]
    await until(lambda: offered(system, {after}), what="the next offer")
    await asyncio.sleep(2)
    answer = await http.get(f"{system.url('handoff')}/v1/assignments", params={"lead_id": lead_id})
    assert len(answer.json()["items"]) == 1
    assert await heard()


async def told_again(http: httpx.AsyncClient, system: System) -> int:
    """Mails to reps that a lead of theirs reached out again."""
    found = (await http.get(f"http://127.0.0.1:{system.ports.mail_page}/api/messages")).json()
    return sum("reached out again" in mail["subject"] for mail in found)


@pytest.mark.timeout(300)
async def test_poison_harms_nobody_else_and_redrive_brings_its_key_back(system: System, http: httpx.AsyncClient) -> None:
    lead_id = (await http.post(f"{system.url('intake')}/v1/leads", json=person())).json()["lead_id"]
    await until(lambda: offered(system, {lead_id}), what="the offer")
    bootstrap, letters = system.kafka.address, f"{CRM}.handoff.dlq"
    amount = json.dumps({"lead_id": lead_id, "amount": "1,250.00", "currency": "USD"}).encode()
    bad = [
        ("bad-json", b"{", outcome_headers("outcome.won", f"json-{lead_id}")),
        ("no id", b"{}", {"ce_type": "leadhandoff.outcome.won.v1", "ce_specversion": "1.0", "ce_source": "/crm/test"}),
        ("amount", amount, outcome_headers("outcome.won", f"amount-{lead_id}")),
        ("tombstone", None, {}),
    ]
    before = len(await asyncio.to_thread(read_topic, bootstrap, letters))
    for _, value, headers in bad:
        await asyncio.to_thread(write, bootstrap, CRM, lead_id, value, headers)
    good = json.dumps({"lead_id": lead_id}).encode()
    await asyncio.to_thread(write, bootstrap, CRM, lead_id, good, outcome_headers("outcome.contacted", f"good-{lead_id}"))

    async def contacted() -> bool:
        return bool((await http.get(f"{system.url('handoff')}/v1/leads/{lead_id}")).json()["state"] == "contacted")

    await until(contacted, seconds=5, what="the good outcome behind the bad ones")

    async def all_letters() -> Any:
        found = await asyncio.to_thread(read_topic, bootstrap, letters)
        return found if len(found) >= before + len(bad) else None

    found = (await until(all_letters, what="the dead letters"))[before:]
    assert len(found) == len(bad)
    assert all(letter.headers["dlq-error"] for letter in found)
    assert {letter.headers["dlq-reason"] for letter in found} == {b"unreadable"}


@pytest.mark.timeout(600)
async def test_no_touch_twice_when_followup_is_killed_while_sending(system: System, http: httpx.AsyncClient) -> None:
    """Plain SMTP cannot promise exactly once: the shipped plan errs on silence, and says so in touch.failed."""
    leads = [person() for _ in range(30)]
    ids = [(await http.post(f"{system.url('intake')}/v1/leads", json=lead)).json()["lead_id"] for lead in leads]
    await until(lambda: offered(system, set(ids)), what="the offers")
    today = datetime.now(UTC).date().isoformat()
    for lead_id in ids:
        won = json.dumps({"lead_id": lead_id, "amount": "99.00", "currency": "USD"}).encode()
        job = json.dumps({"lead_id": lead_id, "job_id": "J", "trade": "plumbing", "completed_on": today}).encode()
        await asyncio.to_thread(write, system.kafka.address, CRM, lead_id, won, outcome_headers("outcome.won", f"w{lead_id}"))
        await asyncio.to_thread(write, system.kafka.address, CRM, lead_id, job, outcome_headers("job.completed", f"j{lead_id}"))
    dice = random.Random(SEED)
    for _ in range(4):
        await asyncio.sleep(dice.uniform(0.05, 0.6))
        await system.parts["followup"].kill()
        system.start_service("followup")
        await system.until_ready("followup")

    async def all_settled() -> Any:
        records = await asyncio.to_thread(read_topic, system.kafka.address, FOLLOWUP)
        ends = [r for r in records if r.type in ("touch.sent", "touch.failed") and r.data["lead_id"] in ids]
        return ends if {r.data["lead_id"] for r in ends} == set(ids) else None

    ends = {record.id: record for record in await until(all_settled, seconds=90, what="the end of every touch")}
    assert Counter(r.data["lead_id"] for r in ends.values()) == Counter(ids)
    mails = (await http.get(f"http://127.0.0.1:{system.ports.mail_page}/api/messages")).json()
    clients = {lead["email"] for lead in leads}  # a rep may get a mail twice: two say more than none
    sent = Counter(mail["message_id"] for mail in mails if any(client in mail["to"] for client in clients))
    assert max(sent.values()) == 1
    for record in ends.values():
        if record.type == "touch.sent":
            assert sent[record.data["message_id"]] == 1
        else:
            assert record.data["reason"] == "in_doubt"
