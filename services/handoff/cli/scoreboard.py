"""The commands about the scoreboard."""

import time
from datetime import UTC, datetime

import click

from services.handoff import store
from services.handoff.cli.database import run
from services.handoff.use_cases.board import follow_facts
from shared.commands import counted


@click.group(help="The numbers of both teams.")
def scoreboard() -> None:
    pass


@scoreboard.command("rebuild", help="Make every line of the scoreboard again from the facts.")
def rebuild_command() -> None:
    started, (leads, last) = datetime.now(UTC), run(store.board.clear)
    while run(lambda unit: store.board.is_due(unit, last)):
        if not run(lambda unit: follow_facts(unit, 5000)):
            time.sleep(0.1)  # a running service is at it
    click.echo(f"{counted(leads, 'lead')} in {(datetime.now(UTC) - started).total_seconds():.1f} s.")
