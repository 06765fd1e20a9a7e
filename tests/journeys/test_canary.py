"""A canary lead: through the door, the second step and the relay; handoff keeps it from every rep."""

import asyncio
import time

import httpx

from deploy.local.system import System
from services.intake.use_cases.canary import LAST_ARRIVED, TOOK, Canary
from shared.database import Database
from shared.events import INTAKE
from tests.support import read_topic, until


async def test_a_canary_comes_through_and_no_rep_sees_it(system: System, http: httpx.AsyncClient) -> None:
    database = Database(system.postgres.url("intake"), name="test", size=2)
    await database.open()
    try:
        TOOK.set(0)
        singing = asyncio.create_task(Canary(database, system.url("intake"), seconds=0.1).run())
        async with asyncio.timeout(30):
            while not TOOK._value.get():
                await asyncio.sleep(0.05)
        singing.cancel()
        assert time.time() - LAST_ARRIVED._value.get() < 60
        async with database.reading() as unit:
            query = "SELECT id FROM submission WHERE content->>'external_id' LIKE 'canary-%' ORDER BY id LIMIT 1"
            lead_id = str(await unit.value(query))
    finally:
        await database.close()
    records = await asyncio.to_thread(read_topic, system.kafka.address, INTAKE)
    assert [(one.type, one.data["test"]) for one in records if one.key == lead_id] == [
        ("lead.opened", True),
        ("lead.qualified", True),
    ]

    async def is_test() -> bool:
        found = await http.get(f"{system.url('handoff')}/v1/leads/{lead_id}")
        return found.status_code == 200 and found.json()["state"] == "test"

    await until(is_test, what="the canary in handoff")
    ledger = (await http.get(f"{system.url('intake')}/v1/ledger")).json()
    assert ledger["test"]["received"] == sum(row["received"] for row in ledger["test"]["by_form_and_hour"]) > 0
