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


@pytest.mark.parametrize("path", ["/v1/leads", "/f/api"])
async def test_a_second_request_with_a_key_waits_for_the_first_and_is_told_to_come_again_if_that_takes_long(
    intake_database: Database, tmp_path: Path, path: str
) -> None:
    async for doors in open_doors(intake_database, tmp_path):
        post, key = doors.http.post, {"Idempotency-Key": "k1"}
        blocker = await intake_database._pool.acquire()
        transaction = blocker.transaction()
        await transaction.start()
        await blocker.execute("LOCK TABLE submission, receipt IN ACCESS EXCLUSIVE MODE")  # a database that is very slow
        first = asyncio.create_task(post(path, json=GOOD, headers=key))
        await asyncio.sleep(0.05)
        busy = await post(path, json=GOOD, headers=key)
        assert (busy.status_code, busy.headers["retry-after"]) == (409, "1")
        waits = asyncio.create_task(post(path, json=GOOD, headers=key))
        await asyncio.sleep(0.1)
        await transaction.rollback()
        await intake_database._pool.release(blocker)
        answers = [await one for one in (first, waits)]
        assert [one.status_code for one in answers] == [202, 202]
        assert len({one.json()["lead_id"] for one in answers}) == len(await doors.submissions()) == 1


async def test_a_database_that_is_away_is_no_fault_of_the_sender(intake_database: Database, tmp_path: Path) -> None:
    async for doors in open_doors(intake_database, tmp_path):
        path = await endpoint(doors, "generic", None)
        await intake_database.close()
        for one in (path, "/v1/leads", "/f/api"):
            answer = await doors.http.post(one, json=GOOD)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        break
