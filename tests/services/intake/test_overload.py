"""Too much at once is answered quickly: come again. What was answered otherwise is stored."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from shared.database import Database
from tests.services.intake.conftest import open_doors
from tests.services.intake.test_senders import endpoint

GOOD = {"email": "grace@example.net"}


@pytest.mark.parametrize("door", ["/v1/leads", "/f/api", "hook"])
async def test_a_full_queue_refuses_at_once_and_stores_what_it_took(intake_database: Database, tmp_path: Path, door: str) -> None:
    async for doors in open_doors(intake_database, tmp_path, queue_limit=3):
        path = await endpoint(doors, "generic", None) if door == "hook" else door
        blocker = await intake_database._pool.acquire()
        transaction = blocker.transaction()
        await transaction.start()
        await blocker.execute("LOCK TABLE submission, receipt IN ACCESS EXCLUSIVE MODE")  # a database that is very slow
        posts = [asyncio.create_task(doors.http.post(path, json={**GOOD, "message": str(n)})) for n in range(12)]
        began = time.monotonic()
        refused: list[Any] = []
        while len(refused) < 5:
            await asyncio.sleep(0.05)
            refused = [post.result() for post in posts if post.done()]
        assert time.monotonic() - began < 3
        assert {answer.status_code for answer in refused} == {503}
        assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
        await transaction.rollback()
        await intake_database._pool.release(blocker)
        answers = [await post for post in posts]
        taken = [answer for answer in answers if answer.status_code in (200, 202)]
        assert len(taken) == len(await doors.submissions())
        assert taken


async def test_a_database_that_is_away_is_no_fault_of_the_sender(intake_database: Database, tmp_path: Path) -> None:
    async for doors in open_doors(intake_database, tmp_path):
        path = await endpoint(doors, "generic", None)
        await intake_database.close()
        for one in (path, "/v1/leads", "/f/api"):
            answer = await doors.http.post(one, json=GOOD)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        break
