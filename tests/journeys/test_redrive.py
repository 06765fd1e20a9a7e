"""redrive, end to end: an event handoff really cannot apply, dead letters for its lead alone, and back in order."""

import asyncio
from typing import Any

import asyncpg
import httpx
import pytest

from deploy.local.system import System
from shared.events import HANDOFF, INTAKE
from shared.topics import dead_letter_topic
from tests.support import Record, person, read_topic, until

DEAD = dead_letter_topic(INTAKE, "handoff")
BREAK = "ALTER TABLE lead ADD CONSTRAINT broken CHECK (snapshot->>'selection' IS DISTINCT FROM 'a broken thing') NOT VALID"
MEND = "ALTER TABLE lead DROP CONSTRAINT IF EXISTS broken"


async def letters(system: System, lead_id: str) -> list[Record]:
    return [one for one in await asyncio.to_thread(read_topic, system.kafka.address, DEAD) if one.key == lead_id]


async def offers(system: System, lead_id: str) -> list[Record]:
    records = await asyncio.to_thread(read_topic, system.kafka.address, HANDOFF)
    return [one for one in records if one.key == lead_id and one.type == "assignment.offered"]


@pytest.mark.timeout(180)
async def test_dead_letters_come_back_in_order_when_what_broke_is_mended(system: System, http: httpx.AsyncClient) -> None:
    url, bad = f"{system.url('intake')}/v1/leads", person(selection="a broken thing")
    handoff = await asyncpg.connect(system.postgres.url("handoff"))
    try:
        await handoff.execute(BREAK)
        lead_id = (await http.post(url, json=bad)).json()["lead_id"]
        await until(lambda: letters(system, lead_id), what="the dead letter")
        await http.post(url, json={**bad, "message": "Are you there?"})  # a later event of the same lead: it must wait
        good = (await http.post(url, json=person())).json()["lead_id"]
        await until(lambda: offers(system, good), what="the offer of another lead")

        async def both() -> Any:
            found = await letters(system, lead_id)
            return found if len(found) == 2 else None

        found = await until(both, what="the parked event")
        reasons = [(one.type, one.headers["dlq-reason"]) for one in found]
        assert reasons == [("lead.qualified", b"failed"), ("lead.touched", b"parked")]
        assert await offers(system, lead_id) == []
    finally:
        await handoff.execute(MEND)
        await handoff.close()

    command = ("-m", "services.handoff", "redrive", "--topic", INTAKE, "--key", lead_id)
    assert "2 would be sent" in await system.run(*command, "--dry-run")
    assert await offers(system, lead_id) == []
    assert "2 were sent" in await system.run(*command)
    await until(lambda: offers(system, lead_id), what="the offer after the redrive")
    await system.run(*command)  # again: a repeat does nothing

    async def known() -> Any:
        journey = (await http.get(f"{system.url('handoff')}/v1/leads/{lead_id}")).json()["journey"]
        kinds = [step["type"].split(".", 1)[1] for step in journey if step["unit"] == "intake"]
        return kinds if "lead.touched.v1" in kinds else None

    kinds = await until(known, what="both events in the journey")
    assert kinds.index("lead.qualified.v1") < kinds.index("lead.touched.v1")
    assert len(await offers(system, lead_id)) == 1
    assert len(await letters(system, lead_id)) == 2
