"""Handoff answers anything as its contract says."""

import asyncio
from typing import Any

from shared.database import Database
from tests.fuzz import fuzz
from tests.services.handoff.support import KEY, Handoff
from tests.support import in_thread


async def test_every_route_keeps_to_its_contract_whatever_is_sent(new_database: Any) -> None:
    await in_thread(_fuzz_all, await new_database("handoff"))


def _fuzz_all(url: str) -> None:
    with asyncio.Runner() as runner:
        handoff, known = runner.run(_begin(url))
        answers = fuzz(runner, handoff.app(), known, key=KEY)
        runner.run(handoff.database.close())
    assert len(answers) > 20


async def _begin(url: str) -> tuple[Handoff, dict[str, Any]]:
    database = Database(url, name="fuzz", size=2)
    await database.open()
    handoff = Handoff(database)
    reps = await handoff.start("Rosa", "Sam")
    lead = await handoff.qualify()
    return handoff, {"lead_id": lead, "assignment_id": (await handoff.active(lead))["id"], "rep_id": reps[0]}
