"""The commands about the scoreboard."""

from datetime import UTC, datetime

import click

from services.handoff.cli.database import run
from services.handoff.use_cases.board import follow_facts, rebuild


@click.group(help="The numbers of both teams.")
def scoreboard() -> None:
    pass


@scoreboard.command("rebuild", help="Make every line of the scoreboard again from the facts.")
def rebuild_command() -> None:
    run(rebuild)
    leads, started = 0, datetime.now(UTC)
    while count := run(lambda unit: follow_facts(unit, 5000)):
        leads += count
    click.echo(f"{leads} leads in {(datetime.now(UTC) - started).total_seconds():.1f} s.")
