"""Alembic, one history per service. Production runs `migrate` first; only the embedded default migrates on start."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command, context
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

LOCK = 0x1EAD5C4E  # replicas that migrate at once take turns


@dataclass(frozen=True)
class Migrations:
    directory: Path
    metadata: MetaData

    @property
    def head(self) -> str | None:
        return ScriptDirectory.from_config(self._config("")).get_current_head()

    def upgrade(self, url: str) -> None:
        command.upgrade(self._config(url), "head")

    def revision(self, url: str, message: str) -> None:
        """Write a new migration from the difference between tables and models."""
        command.revision(self._config(url), message, autogenerate=True)

    def differences(self, url: str) -> list[Any]:
        """What the models have that the migrated database has not, or the reverse."""
        from alembic.autogenerate import compare_metadata
        from alembic.migration import MigrationContext

        def compare(connection: Connection) -> list[Any]:
            return list(compare_metadata(MigrationContext.configure(connection), self.metadata))

        return asyncio.run(_with_connection(url, compare))

    def _config(self, url: str) -> Config:
        config = Config()
        config.set_main_option("script_location", str(self.directory))
        config.set_main_option("path_separator", "os")
        config.attributes.update(url=url, metadata=self.metadata)
        return config


def run_from_env() -> None:
    """What each service's migrations/env.py calls."""
    attributes = context.config.attributes

    def run(connection: Connection) -> None:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        context.configure(connection=connection, target_metadata=attributes["metadata"], transactional_ddl=True)
        with context.begin_transaction():
            context.run_migrations()

    asyncio.run(_with_connection(attributes["url"], run))


async def _with_connection(url: str, work: Any) -> Any:
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=pool.NullPool)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()
