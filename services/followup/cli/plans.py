"""plan lint | publish | list | show | retire | diff | apply: what clients hear, in versions that never change."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from services.followup import store
from services.followup.adapters.calendar_data import quiet_hours
from services.followup.adapters.plan_files import PlanError, PlanText
from services.followup.adapters.plan_lint import check_plan_file
from services.followup.cli.work import planner, work
from services.followup.settings import Settings
from services.followup.use_cases.migrate_plan import MIGRATIONS, Compared, NotApplied, apply_version, compare_versions
from services.followup.use_cases.plan_book import publish
from services.followup.use_cases.planning import company_of
from shared.agreement import AgreementError, Company, parse
from shared.commands import counted, read_settings
from shared.database import Transaction

FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
VERSION = click.IntRange(1, 1_000_000)
MIGRATION = click.option("--migration", type=click.Choice(MIGRATIONS), default="all", help="Who goes over, and with what.")


@click.group("plan", help="What clients hear from us, and when.")
def plan() -> None:
    pass


@plan.command("lint", help="Say what is wrong with a plan file, with the line and what to do.")
@FILE
def lint(file: Path) -> None:
    settings: Settings = read_settings(Settings)
    found = _checked(file, _company_in(settings.agreement_file))
    click.echo(f"{found.plan.key} version {found.plan.version}, {len(found.plan.steps)} steps: nothing is wrong.")


@plan.command("publish", help="Let this version take new clients. Those who are in an older one stay in it.")
@FILE
def publish_file(file: Path) -> None:
    async def run(unit: Transaction) -> str:
        found = _checked(file, await company_of(unit))
        if not await publish(unit, found, datetime.now(UTC)):
            click.echo("This version exists, and a version never changes: raise `version` in the file.", err=True)
            sys.exit(1)
        return f"{found.plan.key} version {found.plan.version} is published: {found.sha256}"

    click.echo(work(run))


@plan.command("list", help="Every version, and how many clients are in it.")
def show_all() -> None:
    async def run(unit: Transaction) -> None:
        await planner().book.published(unit, datetime.now(UTC))
        for row in await store.plans.every(unit):
            click.echo(f"{row['key']:<24} {row['version']:>5}  {row['state']:<10} {row['live']:>8} clients  {row['sha256'][:12]}")

    work(run)


@plan.command("show", help="The text of a version, as it was published.")
@click.argument("key")
@click.argument("version", type=VERSION)
def show(key: str, version: int) -> None:
    async def run(unit: Transaction) -> None:
        found = await planner().book.text(unit, key, version)
        if found is None:
            raise click.ClickException("There is no such version: see plan list.")
        click.echo(found.text)

    work(run)


@plan.command("retire", help="Take no new clients into a plan. Those in it stay.")
@click.argument("key")
def retire(key: str) -> None:
    async def run(unit: Transaction) -> None:
        if not await store.plans.retire(unit, key, datetime.now(UTC)):
            raise click.ClickException("No version of this plan is published.")

    work(run)
    click.echo(f"{key} takes no new clients. Those in it stay.")


@plan.command("diff", help="What another version would change for every client who is in this one.")
@click.argument("key")
@click.argument("old", type=VERSION)
@click.argument("new", type=VERSION)
@MIGRATION
def diff(key: str, old: int, new: int, migration: str) -> None:
    async def run(unit: Transaction) -> Compared:
        return await compare_versions(unit, planner(), key, old, new, migration, datetime.now(UTC))

    try:
        _tell(work(run))
    except NotApplied as error:
        raise click.ClickException(str(error)) from error


@plan.command("apply", help="Move the clients of one version to another, as the diff with this hash showed.")
@click.argument("key")
@click.argument("old", type=VERSION)
@click.argument("new", type=VERSION)
@click.option("--hash", "hash_", required=True, help="What the diff printed.")
@MIGRATION
def apply(key: str, old: int, new: int, hash_: str, migration: str) -> None:
    async def run(unit: Transaction) -> int:
        return await apply_version(unit, planner(), key, old, new, migration, hash_, datetime.now(UTC))

    try:
        click.echo(f"Gone over: {counted(work(run), 'enrolment')}. The calendars follow within seconds.")
    except NotApplied as error:
        raise click.ClickException(str(error)) from error


def _company_in(file: Path) -> Company:
    """Who we are, from the file: a lint needs no database."""
    try:
        return parse(file.read_text(encoding="utf-8-sig")).company if file.exists() else Company()
    except (AgreementError, UnicodeDecodeError) as error:
        raise click.ClickException(f"The agreement {file} cannot be read: {error}") from error


def _checked(file: Path, company: Company) -> PlanText:
    try:
        return check_plan_file(file, company, quiet_hours(), datetime.now(UTC).date())
    except PlanError as error:
        for complaint in error.complaints:
            click.echo(str(complaint), err=True)
        sys.exit(1)


def _tell(compared: Compared) -> None:
    found = compared.difference
    day, touches = found.peak
    click.echo(f"In it: {counted(found.clients, 'client')}.")
    if found.paused:
        click.echo(f"{found.paused} more wait for something that is open: they go over, and are planned when they go on.")
    click.echo(f"{found.clients_who_gain} gain {found.gained} touches, {found.clients_who_lose} lose {found.lost}.")
    click.echo(f"{found.clients_who_move} see {found.moved} move, by {found.max_shift_days} days at most.")
    click.echo(f"{found.within_the_hour} would go out within the hour. The busiest day is {day or 'none'}, with {touches}.")
    click.echo(f"hash {compared.hash}")
