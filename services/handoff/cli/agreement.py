"""The commands about what marketing and sales agreed on."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from services.handoff import store
from services.handoff.cli.database import run
from services.handoff.domain.difference import differences
from services.handoff.use_cases.agreements import apply_agreement, check_signatures
from services.handoff.use_cases.lint import lint_text, people_of
from services.handoff.use_cases.simulate import compare, gather, report
from shared.agreement import AgreementError, parse
from shared.commands import counted
from shared.database import Transaction, is_transient

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.ClickException("Please save the file as UTF-8.") from error


def _in_force() -> Any:
    if (found := run(store.agreements.newest)) is None:
        raise click.ClickException("No agreement was applied yet: start handoff once, or `agreement apply` one.")
    return found


@click.group(help="What marketing and sales agreed on.")
def agreement() -> None:
    pass


@agreement.command("apply", help="Put an agreement in force from the next decision on, and publish it.")
@click.argument("file", type=FILE)
@click.option("--signed-by", multiple=True, required=True, help="Both sign: marketing (or marketing=NAME), and sales.")
def apply(file: Path, signed_by: tuple[str, ...]) -> None:
    text = _read(file)

    async def work(unit: Transaction) -> str:
        return await apply_agreement(unit, text, list(signed_by), datetime.now(UTC))

    try:
        check_signatures(list(signed_by))
        click.echo(run(work))
    except AgreementError as error:
        raise click.ClickException(str(error)) from error


@agreement.command("lint", help="Say what is wrong with an agreement, where, and what to do.")
@click.argument("file", type=FILE)
def lint(file: Path) -> None:
    text = _read(file)
    try:
        parse(text)
        findings = lint_text(text, run(lambda unit: people_of(unit, text, datetime.now(UTC))))
    except AgreementError as error:
        raise click.ClickException(str(error)) from error
    except Exception as error:
        if not is_transient(error):
            raise
        click.echo("The database is away: who is in the pools was not looked at.", err=True)
        findings = lint_text(text, None)
    for one in findings:
        click.echo(one)
    found = f"{counted(len(findings), 'finding')}. It can be applied all the same."
    click.echo(found if findings else "This agreement can be applied.")
    raise SystemExit(bool(findings))


@agreement.command("diff", help="Say in words how a new agreement differs from an old one.")
@click.argument("old", type=FILE)
@click.argument("new", type=FILE)
def diff(old: Path, new: Path) -> None:
    try:
        found = differences(*(parse(_read(file)).model_dump(mode="json") for file in (old, new)))
    except AgreementError as error:
        raise click.ClickException(str(error)) from error
    for one in found or ["These two say the same."]:
        click.echo(one)


@agreement.command("simulate", help="Replay the leads of the last days under an agreement, beside the one in force.")
@click.argument("file", type=FILE)
@click.option("--days", type=click.IntRange(1, 365), default=30, show_default=True)
def simulate(file: Path, days: int) -> None:
    text = _read(file)
    try:
        parse(text)
    except AgreementError as error:
        raise click.ClickException(str(error)) from error
    _in_force()
    for line in report(*compare(run(lambda unit: gather(unit, text, days, datetime.now(UTC))))):
        click.echo(line)


@agreement.command("show", help="Print the agreement in force, or the version of a hash.")
@click.argument("hash", required=False)
def show(hash: str | None) -> None:
    found = run(lambda unit: store.agreements.version(unit, hash)) if hash else _in_force()
    if found is None:
        raise click.ClickException("There is no agreement of this hash.")
    click.echo(found["text"], nl=False)
