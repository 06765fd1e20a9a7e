"""leads disqualify; rescore status."""

from datetime import UTC, datetime
from uuid import UUID

import click

from services.intake.cli.persons import run
from services.intake.store import agreements
from services.intake.use_cases.disqualify import REASONS, NotMarketings, disqualify_lead
from shared.commands import show_lines


@click.group(help="Leads that are marketing's.")
def leads() -> None:
    pass


@leads.command(help="Say that a lead is none, and why.")
@click.argument("lead_id", type=click.UUID)
@click.option("--reason", type=click.Choice(REASONS), required=True)
def disqualify(lead_id: UUID, reason: str) -> None:
    try:
        run(lambda unit: disqualify_lead(unit, lead_id, reason, datetime.now(UTC)))
    except NotMarketings as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{lead_id} is disqualified.")


@click.group(help="Open leads are scored again when a new agreement is applied.")
def rescore() -> None:
    pass


@rescore.command(help="How far it is.")
def status() -> None:
    lines = []
    for row in run(agreements.rescores):
        state = f"finished {row['finished_at']:%F %R} UTC" if row["finished_at"] else "under way"
        lines.append(
            f"{row['agreement'][:12]}  {state}  {row['done']} of {row['total']}, {row['qualified']} newly qualified, "
            f"{row['disqualified']} disqualified, {row['failed']} failed"
        )
    show_lines(lines, "No new agreement was applied yet: nothing was scored again.")
