"""Submissions as capture stores them, the second step run by hand, and what came out of it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from click.testing import CliRunner
from uuid_utils.compat import uuid7

from services.intake import models
from services.intake.cli import main
from services.intake.scheduler import Scheduler
from services.intake.settings import Settings
from services.intake.store import agreements
from services.intake.use_cases.qualify import qualify_waiting
from shared.agreement import hash_of
from shared.database import Database, Transaction
from tests.support import in_thread

SHIPPED = (Path(__file__).parents[3] / "deploy" / "agreement.toml").read_text()
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
FIELDS = ("first_name", "last_name", "phone", "email", "postal_code", "selection", "message")


def plus_newsletter(text: str = SHIPPED) -> str:
    """An agreement with something to ask for that is no raised hand."""
    return text.replace("[score]", "[selections.newsletter]\nintent = 5\nhand_raise = false\n\n[score]")


class Intake:
    """Intake's second step on a database of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def agree(self, text: str = SHIPPED, at: datetime = NOW - timedelta(days=60)) -> str:
        async with self.database.transaction() as unit:
            await agreements.adopt_agreement(unit, hash=hash_of(text), text=text, at=at)
        return hash_of(text)

    async def submit(self, *, form: str = "api", at: datetime = NOW, test: bool = False, **given: Any) -> UUID:
        lead_id = uuid7()
        content = {
            "fields": {name: given.pop(name) for name in FIELDS if name in given},
            **{"answers": {}, "attribution": {}, "consents": [], "external_id": None, "test": test},
            **given,
        }
        row = {"id": lead_id, "form": form, "content": content, "received_at": at, "test": test}
        async with self.database.transaction() as unit:
            await unit.insert(models.Submission, [row])
        return UUID(str(lead_id))

    async def qualify(self, now: datetime = NOW, limit: int = 200) -> int:
        async with self.database.transaction() as unit:
            return await qualify_waiting(unit, limit=limit, now=now)

    async def lead(self, **given: Any) -> UUID:
        """Submitted and qualified at once."""
        lead_id = await self.submit(**given)
        await self.qualify(now=given.get("at", NOW))
        return lead_id

    async def rows(self, query: str, *arguments: Any) -> list[Any]:
        async with self.database.reading() as unit:
            return await unit.fetch(query, *arguments)

    async def value(self, query: str, *arguments: Any) -> Any:
        async with self.database.reading() as unit:
            return await unit.value(query, *arguments)

    async def events(self, kind: str = "") -> list[dict[str, Any]]:
        """What waits in the outbox, oldest first."""
        found = await self.rows("SELECT key, headers, payload FROM outbox ORDER BY seq")
        told = [
            {
                "type": row["headers"]["ce_type"].removeprefix("leadhandoff.").removesuffix(".v1"),
                "key": row["key"],
                **orjson.loads(row["payload"]),
            }
            for row in found
        ]
        return [one for one in told if kind in ("", one["type"])]

    async def person_of(self, lead_id: UUID) -> UUID:
        return UUID(str(await self.value("SELECT person_id FROM lead WHERE id = $1", lead_id)))

    async def state(self, lead_id: UUID) -> str:
        return str(await self.value("SELECT state FROM submission WHERE id = $1", lead_id))


class Worker(Scheduler):
    """The scheduler's worker, which notes when an attempt failed."""

    def __init__(self, database: Database) -> None:
        settings = Settings(qualify_attempts=3, qualify_retry_seconds=0.2, local_dir="/nowhere")
        super().__init__(settings, database, capture=type("Idle", (), {"is_crowded": False})())  # type: ignore[arg-type]
        self.failed_at: list[float] = []

    async def _note_failure(self, unit: Transaction, lead_id: UUID, error: Exception, now: datetime) -> None:
        self.failed_at.append(now.timestamp())
        await super()._note_failure(unit, lead_id, error, now)


async def command(intake: Intake, *arguments: str, fails: bool = False) -> str:
    """Run a command of intake on this database; returns what it printed."""

    def run() -> Any:
        environment = {"INTAKE_DATABASE_URL": intake.database.url, "SECRET_KEY_FILE": str(Path(__file__))}
        return CliRunner().invoke(main, arguments, env=environment)

    found = await in_thread(run)
    assert bool(found.exit_code) is fails, found.output
    return str(found.output).strip()
