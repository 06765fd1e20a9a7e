"""letters print: what goes by post, as a PDF for the printer and the pen."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from services.followup.adapters.letters import ADVICE, Unprintable, is_printable, print_letters
from services.followup.main import letter_writer
from services.followup.scheduler.fence import Fence
from services.followup.settings import Settings
from services.followup.use_cases.letters import claim_letters, intend_letters, letter_of, letters_not_printed, letters_printed
from services.followup.use_cases.messages import day_in_words
from services.followup.use_cases.planning import company_of
from services.followup.use_cases.sending.compose import Outgoing
from shared.agreement import Company
from shared.commands import counted, read_settings
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
    for sentence in asyncio.run(_print(read_settings(Settings), out, limit)):
        click.echo(sentence)


async def _print(settings: Settings, out: Path, limit: int) -> list[str]:
    """Intended before the file is there, sent after: what dies in between is in doubt, and dropped or written again by plan.

    Nothing is claimed before the journal knows what its topic knows: a restored backup prints no letter twice.
    """
    database = Database(settings.database_url, name="followup-letters", size=2)
    await database.open()
    try:
        intender = letter_writer(settings, LEASE)
        await Fence(settings, database, intender.addresses).catch_up()
        now = datetime.now(UTC)
        async with database.transaction() as unit:
            touches = await claim_letters(unit, now, limit=limit, lease=LEASE)
        async with database.transaction() as unit:
            ready, company = await intend_letters(unit, intender, touches, now), await company_of(unit)
        if not ready:
            return ["No letter is due."]
        odd = [one for one in ready if not is_printable(letter_of(one), settings.letter_font)]
        pages = [one for one in ready if one not in odd]
        problem = await asyncio.to_thread(_write, out, pages, company, settings.letter_font, now) if pages else ADVICE
        async with database.transaction() as unit:
            await letters_not_printed(unit, ready if problem else odd, now)
            await letters_printed(unit, [] if problem else pages, datetime.now(UTC))
        if problem:
            raise click.ClickException(f"Nothing was printed: {problem}.")
        waiting = [f"{len(odd)} wait, for example to client {odd[0].touch['client_id']}: {ADVICE}."] if odd else []
        return [f"{out}: {counted(len(pages), 'letter')}.", *waiting]
    finally:
        await database.close()


def _write(out: Path, letters: Sequence[Outgoing], company: Company, font: Path | None, now: datetime) -> str | None:
    """Returns what is in the way: then there is no file."""
    day = day_in_words(now.astimezone(company.tz).date().isoformat(), company.country)
    who = {"company": company.name, "postal_address": company.postal_address}
    try:
        out.write_bytes(print_letters([letter_of(one) for one in letters], **who, day=day, font=font))
    except (Unprintable, OSError) as error:
        with suppress(OSError):
            out.unlink()
        return str(error)
    return None
