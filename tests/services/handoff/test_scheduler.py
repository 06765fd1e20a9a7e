"""What is done by the clock is done to the end."""

import asyncio
from datetime import UTC, datetime

import pytest

from services.handoff.scheduler import Scheduler
from shared import inbox
from shared.database import Database
from tests.services.handoff.support import LINKS


class RoundOver(Exception):
    pass


async def test_a_round_of_tidying_forgets_all_that_was_read_long_ago(
    handoff_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def rest(_seconds: float) -> None:
        raise RoundOver

    read = "INSERT INTO inbox (source, event_id, topic, key, received_at) SELECT '/t', n::text, 't', 'k', $1 FROM {} AS n"
    now = datetime.now(UTC)
    async with handoff_database.transaction() as unit:
        await unit.execute(read.format("generate_series(1, 5001)"), now - inbox.KEPT * 2)
        await unit.execute(read.format("generate_series(6000, 6001)"), now)
    monkeypatch.setattr(asyncio, "sleep", rest)
    with pytest.raises(RoundOver):
        await Scheduler(handoff_database, LINKS, None).tidy()
    async with handoff_database.reading() as unit:
        assert await unit.value("SELECT count(*) FROM inbox") == 2
