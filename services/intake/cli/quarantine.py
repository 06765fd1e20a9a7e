"""quarantine list | show | release | discard."""

from uuid import UUID

import click

from services.intake.cli.persons import show
from services.intake.settings import Settings
from services.intake.store import quarantine as store
from services.intake.use_cases import review_quarantine
from services.intake.use_cases.review_quarantine import CannotMend, NotInQuarantine
from shared.commands import in_transaction, read_settings, show_lines
from shared.database import Transaction

GONE = "There is no such submission in quarantine: see `quarantine list`."


@click.group(help="Submissions that were set aside for people to look at.")
def quarantine() -> None:
    pass


@quarantine.command("list", help="The oldest first, with the reason.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000))
def show_all(limit: int) -> None:
    async def work(unit: Transaction) -> list[str]:
        rows = await store.oldest(unit, limit)
        return [
            f"{row['id']}  {row['received_at']:%F %R} UTC  {row['form']}{' test' if row['test'] else ''}  {row['reason']}"
            for row in rows
        ]

    show_lines(in_transaction(read_settings(Settings), work), "Nothing is in quarantine.")


@quarantine.command("show", help="One of them, whole: who it names, and what they wrote.")
@click.argument("lead_id", type=click.UUID)
def show_one(lead_id: UUID) -> None:
    found = in_transaction(read_settings(Settings), lambda unit: store.shown(unit, lead_id))
    if found is None:
        raise click.ClickException(GONE)
    show(dict(found))


@quarantine.command(help="Let a submission go on to become a lead.")
@click.argument("lead_id", type=click.UUID)
@click.option("--set", "mended", multiple=True, metavar="FIELD=VALUE", help="Mend a field first, for example phone=+14195552001.")
def release(lead_id: UUID, mended: tuple[str, ...]) -> None:
    settings = read_settings(Settings)
    if not all("=" in one for one in mended):
        raise click.ClickException("Write --set FIELD=VALUE.")
    values = {name.strip(): value for name, _, value in (one.partition("=") for one in mended)}

    async def work(unit: Transaction) -> None:
        await review_quarantine.release(unit, lead_id, values, region=settings.phone_region)

    try:
        in_transaction(settings, work)
    except NotInQuarantine as error:
        raise click.ClickException(GONE) from error
    except CannotMend as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{lead_id} is released.")


@quarantine.command(help="Set a submission aside for good: it counts as disqualified.")
@click.argument("lead_id", type=click.UUID)
@click.option("--reason", default="spam", show_default=True)
def discard(lead_id: UUID, reason: str) -> None:
    async def work(unit: Transaction) -> None:
        await review_quarantine.discard(unit, lead_id, reason)

    try:
        in_transaction(read_settings(Settings), work)
    except NotInQuarantine as error:
        raise click.ClickException(GONE) from error
    click.echo(f"{lead_id} is discarded.")
