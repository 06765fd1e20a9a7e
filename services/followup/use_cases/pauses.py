"""What holds a client's plans back for a while, and what ends them for good."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.followup import store
from services.followup.use_cases.planning import Numbers, Planner, announce_skipped
from shared.database import Transaction

LASTS = {  # nobody may forget a client by forgetting to close something
    "complaint.open": timedelta(days=180),
    "conversation.open": timedelta(days=14),
    "job.open": timedelta(days=60),
}


@dataclass(frozen=True, slots=True)
class Pauses:
    """Pause, resume, stop. The callers say why; the plans say whether it matters to them."""

    planner: Planner

    async def hold(self, unit: Transaction, kind: str, holds: Iterable[tuple[UUID, str]], now: datetime) -> None:
        """A complaint, a conversation or a job is open (client, what): plans that say so wait."""
        rows: list[dict[str, Any]] = [
            {"client_id": client_id, "kind": kind, "ref": ref, "opened_at": now, "until": now + LASTS[kind]}
            for client_id, ref in holds
        ]
        clients = {row["client_id"] for row in rows}
        await store.planning.lock_households(unit, clients)
        await store.enrolments.open_holds(unit, rows)
        await self.wait(unit, clients, [kind])

    async def wait(self, unit: Transaction, clients: Collection[UUID], kinds: Collection[str] = tuple(LASTS)) -> None:
        """Plans wait for what is open, also those that began, or came with a merge, after it was opened."""
        held = {(row["client_id"], row["kind"]) for row in await store.enrolments.holds(unit, clients) if row["kind"] in kinds}
        if not held:
            return
        active = [row for row in await store.enrolments.live(unit, clients) if row["state"] == "active"]
        plans = await self.planner.book.versions(unit, {(row["plan"], row["plan_version"]) for row in active})
        for kind in sorted({kind for _, kind in held}):
            here = [row for row in active if (row["client_id"], kind) in held]
            paused = [row["id"] for row in here if kind in plans[row["plan"], row["plan_version"]].pause_when]
            await store.enrolments.pause(unit, paused, kind)

    async def release(
        self, unit: Transaction, kind: str, clients: Collection[UUID], now: datetime, *, ref: str | None = None
    ) -> Numbers:
        """It is closed. Plans that nothing else holds go on, with what is still worth sending at its best time."""
        await store.planning.lock_households(unit, clients)
        await store.enrolments.close_holds(unit, clients, kind, ref)
        return await self.go_on(unit, clients, now)

    async def go_on(self, unit: Transaction, clients: Collection[UUID], now: datetime) -> Numbers:
        """Those that waited for what is over go on. Nothing waits: nothing is planned again."""
        waiting = [row for row in await store.enrolments.live(unit, clients) if row["state"] == "paused"]
        if not waiting:
            return Numbers()
        plans = await self.planner.book.versions(unit, {(row["plan"], row["plan_version"]) for row in waiting})
        held = {(row["client_id"], row["kind"]) for row in await store.enrolments.holds(unit, clients)}
        free = [
            row["id"]
            for row in waiting
            if not any((row["client_id"], kind) in held for kind in plans[row["plan"], row["plan_version"]].pause_when)
        ]
        await store.enrolments.resume(unit, free, now)
        return await self.planner.plan(unit, clients, now)

    async def stop(self, unit: Transaction, clients: Collection[UUID], why: str, now: datetime) -> Numbers:
        """They moved, were erased or asked us to stop: plans that say so end."""
        await store.planning.lock_households(unit, clients)
        live = await store.enrolments.live(unit, clients)
        plans = await self.planner.book.versions(unit, {(row["plan"], row["plan_version"]) for row in live})
        ended = [row["id"] for row in live if why in plans[row["plan"], row["plan_version"]].stop_when]
        await announce_skipped(unit, await store.enrolments.stop(unit, ended, why.partition(".")[2], now), now)
        return await self.planner.plan(unit, clients, now)
