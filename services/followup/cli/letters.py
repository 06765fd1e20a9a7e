"""letters print: what goes by post, as a PDF for the printer and the pen."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from services.followup.adapters.letters import Unprintable, print_letters
from services.followup.main import letter_writer
from services.followup.settings import Settings
from services.followup.use_cases.letters import claim_letters, intend_letters, letters_of, letters_printed
from services.followup.use_cases.messages import day_in_words
from services.followup.use_cases.planning import company_of
from shared.commands import read_settings
from shared.database import Database

LEASE = timedelta(minutes=10)


@click.group(help="Letters: touches that go by post.")
def letters() -> None:
    pass


@letters.command("print", help="Print the letters that are due into a PDF, and note them as sent.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The PDF to write.")
@click.option("--limit", type=click.IntRange(1, 500), default=100, show_default=True)
def print_command(out: Path, limit: int) -> None:
    if out.exists():
        raise click.ClickException(f"{out} exists: name another file.")
    try:
        printed = asyncio.run(_print(read_settings(Settings), out, limit))
    except Unprintable as error:
        raise click.ClickException(f"Nothing was printed: {error}.") from error
    click.echo(f"{printed} letters are in {out}." if printed else "No letter is due.")


async def _print(settings: Settings, out: Path, limit: int) -> int:
    """Intended before the file is there, sent after: what dies in between is in doubt, and dropped or written again by plan."""
    database = Database(settings.database_url, name="followup-letters", size=2)
    await database.open()
    try:
        intender, now = letter_writer(settings, LEASE), datetime.now(UTC)
        async with database.transaction() as unit:
            touches = await claim_letters(unit, now, limit=limit, lease=LEASE)
        async with database.transaction() as unit:
            ready, company = await intend_letters(unit, intender, touches, now), await company_of(unit)
        if not ready:
            return 0
        day = day_in_words(now.astimezone(company.tz).date().isoformat(), company.country)
        who = {"company": company.name, "postal_address": company.postal_address}
        pages = print_letters(letters_of(ready), **who, day=day, font=settings.letter_font)
        await asyncio.to_thread(out.write_bytes, pages)
        async with database.transaction() as unit:
            await letters_printed(unit, ready, datetime.now(UTC))
        return len(ready)
    finally:
        await database.close()
