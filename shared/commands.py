"""The commands every service has: serve, migrate, redrive, keys. A service adds its own to the group."""

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import click
from aiokafka.errors import KafkaConnectionError
from pydantic import ValidationError

from shared.api_keys import SCOPES, KeyRefused, create_key, list_keys, revoke_key
from shared.database import Database, Transaction
from shared.dead_letters import redrive
from shared.migrations import Migrations
from shared.outbox import refused, resend
from shared.restored import StillRuns, count_above_all, read_again
from shared.settings import ServiceSettings
from shared.signing import NoSecret

Answer = TypeVar("Answer")
NO_ENTRY = (
    ConnectionError,
    TimeoutError,
    socket.gaierror,
    asyncpg.InvalidAuthorizationSpecificationError,  # a wrong password, too
    asyncpg.InvalidCatalogNameError,
    asyncpg.CannotConnectNowError,
)


def read_settings(settings_class: type[ServiceSettings]) -> Any:
    """Settings, or one sentence for each that is wrong."""
    try:
        return settings_class()
    except ValidationError as error:
        for one in error.errors(include_input=False):
            click.echo(f"The setting {'.'.join(map(str, one['loc'])).upper()}: {one['msg']}.", err=True)
        sys.exit(2)


def in_transaction(settings: ServiceSettings, work: Callable[[Transaction], Awaitable[Answer]]) -> Answer:
    """A command's work in one transaction of its own."""

    async def run() -> Answer:
        database = Database(settings.database_url, name=f"{settings.service}-cli", size=1)
        await database.open()
        try:
            async with database.transaction() as unit:
                return await work(unit)
        finally:
            await database.close()

    return asyncio.run(run())


class Commands(click.Group):
    """Commands for people: what is away or not made yet is a sentence with what to do, no traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except NoSecret as error:
            raise click.ClickException(str(error)) from error
        except KafkaConnectionError as error:
            raise click.ClickException(
                f"Kafka does not answer ({error}): is it running, and is KAFKA_BOOTSTRAP_SERVERS right?"
            ) from error
        except asyncpg.UndefinedTableError as error:
            raise click.ClickException(
                f"The database has no tables of this version: run python -m services.{self.name} migrate."
            ) from error
        except asyncpg.TransactionRollbackError as error:  # a deadlock
            raise click.ClickException(
                "The running service was changing the same and went first: nothing was changed here. Please run this again."
            ) from error
        except NO_ENTRY as error:
            where = f"see {str(self.name).upper()}_DATABASE_URL; with none, the database of `make up`, while it runs"
            raise click.ClickException(f"The database does not let us in ({type(error).__name__}): {where}.") from error


def service_commands(
    name: str,
    settings_class: type[ServiceSettings],
    build: Callable[[Any], Any],
    migrations: Migrations,
    *,
    topics: Sequence[str],
) -> click.Group:
    """The command group of a service."""

    @click.group(name, cls=Commands, help=f"Runs and operates {name}.")
    def group() -> None:
        pass

    @group.command(help="Run the service until it is asked to stop.")
    def serve() -> None:
        sys.exit(build(read_settings(settings_class)).serve())

    @group.command(help="Bring the database to this version's tables. Safe to run again.")
    def migrate() -> None:
        migrations.upgrade(read_settings(settings_class).database_url)
        click.echo(f"The tables of {name} are those of this version.")

    @group.command("make-migration", help="Write a migration from the difference between tables and models.")
    @click.argument("message")
    def make_migration(message: str) -> None:
        migrations.revision(read_settings(settings_class).database_url, message)

    _add_recovery(group, name, settings_class, topics)
    _add_keys(group, settings_class)
    return group


def _add_recovery(group: click.Group, name: str, settings_class: type[ServiceSettings], topics: Sequence[str]) -> None:
    @group.command("redrive", help="Bring dead letters back to their topic, oldest first.")
    @click.option("--topic", type=click.Choice(list(topics)), required=True, help="The topic they were read from.")
    @click.option("--id", "ids", multiple=True, help="Only the events with these ids.")
    @click.option("--key", help="Only the events of this key, for example a lead id.")
    @click.option("--reason", type=click.Choice(["unreadable", "refused", "failed", "parked"]), help="Only those that are.")
    @click.option("--dry-run", is_flag=True, help="Say what would be sent, send nothing.")
    def redrive_command(topic: str, ids: tuple[str, ...], key: str | None, reason: str | None, dry_run: bool) -> None:
        settings = read_settings(settings_class)
        work = redrive(settings, topic=topic, reader=name, ids=set(ids) or None, key=key, reason=reason, dry_run=dry_run)
        letters = asyncio.run(work)
        for letter in letters:
            click.echo(f"{letter['key']}  {letter.get('ce_type', '?')}  {letter['dlq-reason']}: {letter['dlq-error'][:120]}")
        click.echo(f"{len(letters)} {'would be' if dry_run else 'were'} sent to {topic} again.")

    @group.command("resend", help="Give the broker again what it refused for good, once it takes larger records.")
    @click.option("--dry-run", is_flag=True, help="Say what would be sent, send nothing.")
    def resend_command(dry_run: bool) -> None:
        async def work(unit: Transaction) -> list[Any]:
            found = await refused(unit)
            if not dry_run:
                await resend(unit)
            return found

        found = in_transaction(read_settings(settings_class), work)
        for one in found:
            click.echo(f"{one['key']}  {one['topic']}  {one['type'] or '?'}: {one['reason'][:120]}")
        click.echo(f"{len(found)} {'would be' if dry_run else 'will be'} sent again.")

    @group.command("restored", help="After its database was restored from a backup, before the service starts again.")
    @click.option(
        "--since",
        type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"]),
        required=True,
        help="A moment before the backup, in UTC, for example 2026-11-28T00:00:00Z.",
    )
    def restored(since: datetime) -> None:
        settings = read_settings(settings_class)
        since = since if since.tzinfo else since.replace(tzinfo=UTC)
        try:
            events = asyncio.run(read_again(settings, name, topics, since))
        except StillRuns as error:
            raise click.ClickException(f"{name} is still running: stop every replica first.") from error
        in_transaction(settings, count_above_all)
        click.echo(f"{counted(events, 'event')} will be read again; what the database knows is skipped. {name} may start.")


def _add_keys(group: click.Group, settings_class: type[ServiceSettings]) -> None:
    @group.group(help="Who may call this service's API.")
    def keys() -> None:
        pass

    @keys.command("create", help="Make a key for a client. It is shown this once.")
    @click.argument("client")
    @click.option("--scope", "scopes", type=click.Choice(SCOPES), multiple=True, required=True)
    @click.option("--days", type=click.IntRange(1, 3650), help="How long it is valid; without it, until it is revoked.")
    @click.option("--rep", type=click.UUID, help="A rep whose key it is: it sees only that rep's leads (handoff).")
    def create(client: str, scopes: tuple[str, ...], days: int | None, rep: UUID | None) -> None:
        lifetime = timedelta(days=days) if days else None

        async def work(unit: Transaction) -> str:
            return await create_key(unit, client, scopes, now=datetime.now(UTC), lifetime=lifetime, rep_id=rep)

        try:
            click.echo(in_transaction(read_settings(settings_class), work))
        except KeyRefused as error:
            raise click.ClickException(str(error)) from error

    @keys.command("list", help="Every key without its secret, with its scopes and its last use.")
    def show() -> None:
        lines = []
        for key in in_transaction(read_settings(settings_class), list_keys):
            until = f"{key['expires_at']:%F %R} UTC" if key["expires_at"] else "revoked"
            ends = f"revoked {key['revoked_at']:%F}" if key["revoked_at"] else f"until {until}"
            used = f"{key['last_used_at']:%F %R} UTC" if key["last_used_at"] else "never"
            rep = f"  rep {key['rep_id']}" if key["rep_id"] else ""
            lines.append(f"{key['id']}  {key['client']}  {','.join(key['scopes'])}  {ends}  last used {used}{rep}")
        show_lines(lines, "There are no keys: keys create CLIENT --scope SCOPE makes one.")

    @keys.command("revoke", help="Stop a key, within seconds, for ever.")
    @click.argument("key_id")
    def revoke(key_id: str) -> None:
        async def work(unit: Transaction) -> bool:
            return await revoke_key(unit, key_id, datetime.now(UTC))

        if not in_transaction(read_settings(settings_class), work):
            raise click.ClickException("There is no key of this id: see `keys list`.")
        click.echo(f"{key_id} is revoked.")


def counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def show_lines(lines: Sequence[str], nothing: str) -> None:
    """A list; of an empty one a sentence, beside it: whoever counts lines counts none."""
    for line in lines:
        click.echo(line)
    if not lines:
        click.echo(nothing, err=True)
