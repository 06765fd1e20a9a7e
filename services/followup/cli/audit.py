"""audit: the rows, the journal, followup.touches.v1 and the relay's log must tell the same story."""

import asyncio
import re
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from services.followup import store
from services.followup.adapters.topic import read_to_end
from services.followup.settings import Settings
from services.followup.use_cases.proof import audit_rows
from shared import events
from shared.commands import counted, read_settings
from shared.database import Database

_ID = re.compile(r"[Mm]essage-[Ii][Dd][=:]\s*(<[^<>\s]+>)")


@click.command("audit", help="Compare rows, journal, topic and (with --relay-log) the relay's log. Exit 1 where they differ.")
@click.option("--days", type=click.IntRange(1, 4000), default=30, show_default=True)
@click.option(
    "--relay-log",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With a message-id=<…> for every mail taken.",
)
def audit(days: int, relay_log: Path | None) -> None:
    taken = _ID.findall(relay_log.read_text(errors="replace")) if relay_log else None
    problems = asyncio.run(_compare(read_settings(Settings), datetime.now(UTC) - timedelta(days=days), taken))
    for sentence in problems:
        click.echo(sentence)
    click.echo("They tell the same story." if not problems else f"{counted(len(problems), 'difference')}.")
    sys.exit(bool(problems))


async def _compare(settings: Settings, since: datetime, taken: list[str] | None) -> list[str]:
    database = Database(settings.database_url, name="followup-audit", size=2)
    await database.open()
    try:
        async with database.reading() as unit:
            found = [f"{count} {what}." for what, count in await store.proof.contradictions(unit) if count]
            journal, waiting = await audit_rows(unit, since), await store.proof.unpublished(unit)
        told: dict[str, str] = {}
        async for received, _ in read_to_end(settings, {}):
            for one in received:
                if isinstance(one.event, events.TouchSent) and one.event.at >= since:
                    told[str(one.event.touch_id)] = one.event.message_id
        async with database.reading() as unit:  # sending goes on meanwhile, and is in the journal before it is told
            later = await audit_rows(unit, since)
    finally:
        await database.close()
    found += _difference(set(journal) - set(told) - waiting, "touches in the journal are not on followup.touches.v1")
    found += _difference(set(told) - set(later), "touches on followup.touches.v1 are not in the journal")
    if taken is not None:
        ours = {id for id in journal.values() if id.startswith("<")}
        times = Counter(taken)
        found += _difference(ours - times.keys(), "journaled mails are not in the relay's log")
        repeated = {id for id in ours if times[id] > 1}
        found += _difference(repeated, "mails were taken by the relay more than once")
    return found


def _difference(ids: set[str], what: str) -> list[str]:
    return [f"{len(ids)} {what}, for example {min(ids)}."] if ids else []
