"""Alembic, one history per service. Production runs `migrate` first; only the embedded default migrates on start."""

from __future__ import annotations

import asyncio
import multiprocessing
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, MetaData, pool, text

if TYPE_CHECKING:  # a serving process never loads Alembic: 10 MB that only a migration needs
    from alembic.config import Config

_REVISION = re.compile(r"^revision\b.*=\s*['\"](\w+)['\"]", re.MULTILINE)
_PARENTS = re.compile(r"^down_revision\b.*=(.*)$", re.MULTILINE)
LOCK = 0x1EAD5C4E  # replicas that migrate at once take turns


@dataclass(frozen=True)
class Migrations:
    directory: Path
    metadata: MetaData

    @property
    def head(self) -> str | None:
        """The newest revision: the one that is nobody's parent."""
        texts = [file.read_text() for file in (self.directory / "versions").glob("*.py")]
        parents = {name for text in texts for line in _PARENTS.findall(text) for name in re.findall(r"['\"](\w+)['\"]", line)}
        heads = {name for text in texts for name in _REVISION.findall(text)} - parents
        return heads.pop() if len(heads) == 1 else None

    def upgrade(self, url: str) -> None:
        from alembic import command

        command.upgrade(self._config(url), "head")

    def upgrade_apart(self, url: str) -> bool:
        """Upgrade in a process of its own, whose memory goes when it ends. Returns whether it worked."""
        method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
        child = multiprocessing.get_context(method).Process(target=self.upgrade, args=(url,))  # type: ignore[attr-defined]
        child.start()
        child.join()
        return bool(child.exitcode == 0)

    def revision(self, url: str, message: str) -> None:
        """Write a new migration from the difference between tables and models."""
        from alembic import command

        command.revision(self._config(url), message, autogenerate=True)

    def differences(self, url: str) -> list[Any]:
        """What the models have that the migrated database has not, or the reverse."""
        from alembic.autogenerate import compare_metadata
        from alembic.migration import MigrationContext

        def compare(connection: Connection) -> list[Any]:
            return list(compare_metadata(MigrationContext.configure(connection), self.metadata))

        return asyncio.run(_with_connection(url, compare))

    def _config(self, url: str) -> Config:
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(self.directory))
        config.set_main_option("path_separator", "os")
        config.attributes.update(url=url, metadata=self.metadata)
        return config


def run_from_env() -> None:
    """What each service's migrations/env.py calls."""
    from alembic import context

    attributes = context.config.attributes

    def run(connection: Connection) -> None:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        context.configure(connection=connection, target_metadata=attributes["metadata"], transactional_ddl=True)
        with context.begin_transaction():
            context.run_migrations()

    asyncio.run(_with_connection(attributes["url"], run))


async def _with_connection(url: str, work: Any) -> Any:
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=pool.NullPool)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    except DBAPIError as error:
        raise (error.orig and error.orig.__cause__) or error from None  # the driver's own: what can be done about it is known
    finally:
        await engine.dispose()
