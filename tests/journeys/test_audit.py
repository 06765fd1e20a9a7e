"""The proof of what was sent, as ops type it, also on what other tests left behind: kills, stops and outages included."""

import asyncio
import json
from datetime import UTC, datetime

import asyncpg
import httpx
import pytest

from deploy.local.errors import LocalError
from deploy.local.system import System
from shared.events import CRM
from tests.journeys.test_one_lead_end_to_end import mails_to
from tests.support import outcome_headers, person, until, write

AUDIT = ("-m", "services.followup", "audit")


async def test_the_audit_finds_one_story_and_a_row_that_was_removed(system: System, http: httpx.AsyncClient) -> None:
    lead = person()
    lead_id = (await http.post(f"{system.url('intake')}/v1/leads", json=lead)).json()["lead_id"]
    today = datetime.now(UTC).date().isoformat()
    for kind, body in (
        ("outcome.won", {"lead_id": lead_id, "amount": "90.00", "currency": "USD"}),
        ("job.completed", {"lead_id": lead_id, "job_id": "J-9", "trade": "plumbing", "completed_on": today}),
    ):
        headers = outcome_headers(kind, f"{kind}-{lead_id}")
        await asyncio.to_thread(write, system.kafka.address, CRM, lead_id, json.dumps(body).encode(), headers)
    await until(lambda: mails_to(http, system, lead["email"]), seconds=40, what="the thank-you")
    connection = await asyncpg.connect(system.postgres.url("followup"))
    try:
        assert "They tell the same story." in await system.run(*AUDIT)
        row = await connection.fetchrow("DELETE FROM sent WHERE touch_id = (SELECT touch_id FROM sent LIMIT 1) RETURNING *")
        assert row is not None
        try:
            with pytest.raises(LocalError, match=r"1 touches on .* are not in the journal"):
                await system.run(*AUDIT)
        finally:
            places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
            await connection.execute(f"INSERT INTO sent ({', '.join(row.keys())}) VALUES ({places})", *row.values())
    finally:
        await connection.close()
