"""The proof of what was sent, as ops type it, also on what other tests left behind: kills, stops and outages included."""

import asyncpg
import httpx
import pytest

from deploy.local.errors import LocalError
from deploy.local.system import System
from tests.journeys.test_forgotten import becomes_a_client
from tests.support import person

AUDIT = ("-m", "services.followup", "audit")


async def test_the_audit_finds_one_story_and_a_row_that_was_removed(system: System, http: httpx.AsyncClient) -> None:
    await becomes_a_client(system, http, person())
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
