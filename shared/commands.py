"""The commands every service has: serve, migrate, redrive. A service adds its own to the group."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click
from pydantic import ValidationError

from shared.dead_letters import redrive
from shared.migrations import Migrations
from shared.settings import ServiceSettings


def read_settings(settings_class: type[ServiceSettings]) -> Any:
    """Settings, or one sentence for each that is wrong."""
    try:
        return settings_class()
    except ValidationError as error:
        for one in error.errors(include_input=False):
            click.echo(f"The setting {'.'.join(map(str, one['loc'])).upper()}: {one['msg']}.", err=True)
        sys.exit(2)


def service_commands(
    name: str,
    settings_class: type[ServiceSettings],
    build: Callable[[Any], Any],
    migrations: Migrations,
    *,
    topics: Sequence[str],
) -> click.Group:
    """The command group of a service."""

    @click.group(help=f"Runs and operates {name}.")
    def group() -> None:
        pass

    @group.command(help="Run the service until it is asked to stop.")
    def serve() -> None:
        sys.exit(build(read_settings(settings_class)).serve())

    @group.command(help="Bring the database to this version's tables. Safe to run again.")
    def migrate() -> None:
        migrations.upgrade(read_settings(settings_class).database_url)

    @group.command("make-migration", help="Write a migration from the difference between tables and models.")
    @click.argument("message")
    def make_migration(message: str) -> None:
        migrations.revision(read_settings(settings_class).database_url, message)

    @group.command("redrive", help="Bring dead letters back to their topic, oldest first.")
    @click.option("--topic", type=click.Choice(list(topics)), required=True, help="The topic they were read from.")
    @click.option("--id", "ids", multiple=True, help="Only the events with these ids.")
    @click.option("--key", help="Only the events of this key, for example a lead id.")
    @click.option("--reason", help="Only: unreadable, refused, failed or parked.")
    @click.option("--dry-run", is_flag=True, help="Say what would be sent, send nothing.")
    def redrive_command(topic: str, ids: tuple[str, ...], key: str | None, reason: str | None, dry_run: bool) -> None:
        settings = read_settings(settings_class)
        work = redrive(settings, topic=topic, reader=name, ids=set(ids) or None, key=key, reason=reason, dry_run=dry_run)
        letters = asyncio.run(work)
        for letter in letters:
            click.echo(f"{letter['key']}  {letter.get('ce_type', '?')}  {letter['dlq-reason']}: {letter['dlq-error'][:120]}")
        click.echo(f"{len(letters)} {'would be' if dry_run else 'were'} sent to {topic} again.")

    return group
