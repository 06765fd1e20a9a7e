"""The plans as they were published: a version never changes, so it is read once and kept."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from services.followup import store
from services.followup.adapters.plan_files import PlanText, read_plan, read_plan_file
from services.followup.domain.plans import Plan
from shared.database import Transaction

Version = tuple[str, int]


@dataclass(slots=True)
class PlanBook:
    """Looks plans up by key and version."""

    shipped: Path  # what an installation without any plan starts with
    kept: dict[Version, PlanText] = field(default_factory=dict)

    async def versions(self, unit: Transaction, wanted: Collection[Version]) -> dict[Version, Plan]:
        missing = {one for one in wanted if one not in self.kept}
        if missing:
            for row in await store.plans.versions(unit, missing):
                plan = read_plan(row["text"])
                self.kept[row["key"], row["version"]] = PlanText(plan, row["text"], row["templates"])
        return {one: self.kept[one].plan for one in wanted if one in self.kept}

    async def text(self, unit: Transaction, key: str, version: int) -> PlanText | None:
        await self.versions(unit, {(key, version)})
        return self.kept.get((key, version))

    async def published(self, unit: Transaction, now: datetime) -> list[Plan]:
        """The plans that take new clients, as they are now."""
        rows = await store.plans.published(unit)
        if not rows and not await store.plans.any_version(unit):
            await publish(unit, read_plan_file(self.shipped), now)
            rows = await store.plans.published(unit)
        return list((await self.versions(unit, [(row["key"], row["version"]) for row in rows])).values())


async def publish(unit: Transaction, found: PlanText, now: datetime) -> bool:
    """Make it the version that takes new clients. False where this version exists: it is never changed."""
    row = {
        "key": found.plan.key,
        "version": found.plan.version,
        "sha256": found.sha256,
        "text": found.text,
        "templates": dict(found.templates),
        "published_at": now,
    }
    return await store.plans.publish(unit, row)
