"""Intake on a real database, without Kafka: its doors, and its second step."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.intake.domain.submissions import Submission
from services.intake.main import build
from services.intake.settings import Settings
from services.intake.store.receipts import Captured, Keep, capture
from shared.database import Database
from shared.group_commit import GroupCommit
from tests.services.intake.support import Intake

KEEP = Keep(content=timedelta(minutes=10), keys=timedelta(hours=24), provider_ids=timedelta(days=30))


@dataclass
class Doors:
    """A client of a running intake, and its database."""

    http: httpx.AsyncClient
    database: Database
    queue: GroupCommit[Submission, Captured]
    reload: Callable[[], Awaitable[None]]

    async def reload_forms(self) -> None:
        """What the service does by itself every second."""
        await self.reload()

    async def submissions(self) -> list[dict[str, Any]]:
        async with self.database.reading() as unit:
            rows = await unit.fetch("SELECT id, form, content, state, reason, test FROM submission ORDER BY id")
        return [dict(row) for row in rows]

    async def forget_contents(self) -> None:
        """As after ten minutes: only keys are remembered."""
        async with self.database.transaction() as unit:
            await unit.execute("UPDATE receipt SET expires_at = now() - interval '1 second' WHERE key = fingerprint")

    async def only_submission(self) -> dict[str, Any]:
        (found,) = await self.submissions()
        return found


async def open_doors(database: Database, folder: Path, **settings: Any) -> AsyncIterator[Doors]:
    service = build(Settings(database_url=database.url, local_dir=folder, **settings))
    service.database._pool = database._pool  # the same connections: the tests look at what it wrote

    async def start() -> None:
        for work in service.on_start:
            await work()

    await start()

    async def write(submissions: list[Submission]) -> list[Captured]:
        async with database.transaction() as unit:
            return await capture(unit, submissions, datetime.now(UTC), KEEP)

    queue = GroupCommit(write)
    writers = [asyncio.create_task(work()) for work in (service.background["capture"], queue.run)]
    transport = httpx.ASGITransport(service.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake.example") as client:
        yield Doors(client, database, queue, start)
    for writer in writers:
        writer.cancel()
    await asyncio.gather(*writers, return_exceptions=True)


@pytest.fixture
def keyed(tmp_path: Path) -> dict[str, str]:
    """The header of a caller who may do everything."""
    (tmp_path / "api-key").write_text("lh_everything")
    return {"Authorization": "Bearer lh_everything"}


@pytest.fixture
async def doors(intake_database: Database, tmp_path: Path) -> AsyncIterator[Doors]:
    async for found in open_doors(intake_database, tmp_path):
        yield found


@pytest.fixture
async def intake(intake_database: Database) -> Intake:
    """The second step, with the shipped agreement in force."""
    intake = Intake(intake_database)
    await intake.agree()
    return intake
