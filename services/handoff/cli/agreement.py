"""The commands about what marketing and sales agreed on."""

from datetime import UTC, datetime
from pathlib import Path

import click

from services.handoff.cli.database import run
from services.handoff.use_cases.agreements import apply_agreement
from shared.agreement import AgreementError, parse
from shared.database import Transaction


@click.group(help="What marketing and sales agreed on.")
def agreement() -> None:
    pass


@agreement.command("apply", help="Put an agreement in force from the next decision on, and publish it.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--signed-by", multiple=True, required=True, help="Who signs: once for marketing, once for sales.")
def apply(file: Path, signed_by: tuple[str, ...]) -> None:
    text = file.read_text()

    async def work(unit: Transaction) -> str:
        return await apply_agreement(unit, text, list(signed_by), datetime.now(UTC))

    try:
        click.echo(run(work))
    except AgreementError as error:
        raise click.ClickException(str(error)) from error


@agreement.command("lint", help="Say what is wrong with an agreement.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def lint(file: Path) -> None:
    try:
        parse(file.read_text())
    except AgreementError as error:
        raise click.ClickException(str(error)) from error
    click.echo("This agreement can be applied.")
