"""What tests do to handoff's people, and what they look at afterwards."""

from typing import Any
from uuid import UUID

from services.handoff import store
from tests.services.handoff.support import Handoff


async def change(handoff: Handoff, rep: UUID, **more: Any) -> None:
    """Change a rep, as `reps` would."""
    names = ", ".join(f"{name} = ${place}" for place, name in enumerate(more, 2))
    async with handoff.database.transaction() as unit:
        await unit.execute(f"UPDATE rep SET {names} WHERE id = $1", rep, *more.values())
        await store.timers.wake_held(unit)


async def offers(handoff: Handoff) -> list[Any]:
    async with handoff.database.reading() as unit:
        return await unit.fetch("SELECT * FROM assignment ORDER BY offered_at, id")


async def credits(handoff: Handoff) -> dict[UUID, int]:
    async with handoff.database.reading() as unit:
        return {row["rep_id"]: row["credit"] for row in await unit.fetch("SELECT * FROM pool_member")}
