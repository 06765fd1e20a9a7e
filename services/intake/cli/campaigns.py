"""campaigns set | import | list."""

from datetime import UTC, datetime
from pathlib import Path

import click

from services.intake.cli.persons import run
from services.intake.domain.campaigns import BadCosts, campaign_key, read_costs
from services.intake.store import campaigns as store
from services.intake.use_cases.campaigns import import_costs, set_promise
from shared.commands import counted, show_lines


@click.group(help="What campaigns promise and cost. A campaign is known by its utm_campaign.")
def campaigns() -> None:
    pass


@campaigns.command("set", help="The one sentence a campaign tells people: it travels with their leads to the rep.")
@click.argument("name")
@click.option("--promise", required=True, help="An empty one withdraws what was promised.")
def set_one(name: str, promise: str) -> None:
    if not campaign_key(name):
        raise click.ClickException("Please name the campaign, as its utm_campaign does.")
    if len(promise) > 1000:
        raise click.ClickException("Please use at most 1000 characters: one sentence.")
    click.echo(run(lambda unit: set_promise(unit, name, promise, datetime.now(UTC))))


@campaigns.command("import", help="Costs from a CSV file with the columns campaign, date, amount, currency; all lines or none.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_file(file: Path) -> None:
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            costs = read_costs(lines)
    except BadCosts as error:
        raise click.ClickException(f"Nothing was imported.\n{error}") from error
    except UnicodeDecodeError as error:
        raise click.ClickException("Please save the file as UTF-8.") from error
    changed = run(lambda unit: import_costs(unit, costs, datetime.now(UTC)))
    click.echo(f"{changed} of {counted(len(costs), 'day')} {'is' if len(costs) == 1 else 'are'} new or changed.")


@campaigns.command("list", help="Every campaign, its promise, and for which days its cost is known.")
def show_all() -> None:
    lines = []
    for row in run(store.listed):
        days = f"{counted(row['days'], 'day')}, {row['since']} to {row['until']}" if row["days"] else "no costs"
        lines.append(f"{row['key']}  {days}  {row['promise'] or ''}")
    show_lines(lines, "No campaign has a promise or costs.")
