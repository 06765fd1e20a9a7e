"""The commands about the people who sell."""

from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import click
from pydantic import ValidationError

from services.handoff import store
from services.handoff.adapters.links import Links
from services.handoff.cli.database import run
from services.handoff.cli.roster import read_roster, rep_from_cells
from services.handoff.settings import Settings
from services.handoff.use_cases import people
from services.handoff.use_cases.people import NotImported, PeopleError
from services.handoff.use_cases.rep_changes import NewRep, RepChanges
from shared.commands import counted, read_settings, show_lines
from shared.database import Transaction
from shared.signing import load_secret

Cells = dict[str, Any]


@click.group(help="The people who sell.")
def reps() -> None:
    pass


def _details(command: Callable[..., None]) -> Callable[..., None]:
    """The options that add and set have in common."""
    options = (
        click.option("--pool", "pool", multiple=True, help="A pool to join, as NAME or NAME:WEIGHT; weight 0 leaves it."),
        click.option("--weight", type=click.IntRange(0, 1000), help="The weight in those pools; without a pool, in all."),
        click.option("--skills", help="Parted by semicolons, like the next three."),
        click.option("--languages", help="None listed: every language."),
        click.option("--licences"),
        click.option("--territories", help="Names from the agreement; none: everywhere."),
        click.option("--zone", help="For example America/New_York."),
        click.option("--hours", help="For example 'mon-fri 09:00-12:00 13:00-17:00; sat 10:00-14:00'."),
        click.option("--holidays", help="A set of holidays of the agreement."),
        click.option("--max-open", help="No new lead at so many open ones."),
        click.option("--max-per-day", help="No new lead after so many in a day."),
        click.option("--manager", type=click.BOOL, help="Is asked when a pool has nobody else."),
        click.option("--on-call", type=click.BOOL, help="May be woken after hours."),
        click.option(
            "--off", "off", multiple=True, help="Time off, as FIRST/LAST day in the rep's zone, instead of what is known."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@reps.command("add", help="Add a rep, who gets leads from the next decision on.")
@click.argument("name")
@click.option("--email", required=True)
@_details
def add_rep(name: str, email: str, **cells: Any) -> None:
    given = _read(NewRep, {"name": name, "email": email, **cells})
    click.echo(_do(lambda unit: people.add_rep(unit, given, datetime.now(UTC))))


@reps.command("set", help="Change a rep. Only what is given changes; an empty text clears.")
@click.argument("rep", type=click.UUID)
@click.option("--name")
@click.option("--email")
@_details
def set_rep(rep: UUID, **cells: Any) -> None:
    cleared = {name: None for name, value in cells.items() if value == ""}
    given = _read(RepChanges, {name: value for name, value in cells.items() if value != ""}, cleared, rep)
    _say(_do(lambda unit: people.change_rep(unit, rep, given)))


@reps.command("import", help="Add or change the reps of a CSV file, known by their address: all lines, or none.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would be done, do nothing.")
def import_reps(file: Path, dry_run: bool) -> None:
    lines = read_roster(file)
    _refuse({line.number: line.wrong for line in lines if line.rep is None})

    async def work(unit: Transaction) -> list[tuple[UUID, str]]:
        async with unit.trial() if dry_run else nullcontext():
            return await people.import_reps(unit, {line.number: line.rep for line in lines if line.rep}, datetime.now(UTC))

    try:
        found = _do(work)
    except NotImported as error:
        _refuse(error.lines)
    for line, (rep_id, done) in zip(lines, found, strict=True):
        click.echo(f"line {line.number}: {done}  {rep_id}  {line.rep.name if line.rep else ''}")
    counts = ", ".join(f"{sum(one == kind for _, one in found)} {kind}" for kind in ("added", "changed", "unchanged"))
    click.echo(f"{counts}{' (dry run: nothing was done)' if dry_run else ''}.")


def _refuse(wrong: dict[int, str]) -> None:
    for number, sentence in wrong.items():
        click.echo(f"line {number}: {sentence}", err=True)
    if wrong:
        raise click.ClickException("Nothing was imported: mend these lines first.")


@reps.command("list", help="Every rep, with their pools.")
def list_reps() -> None:
    lines = []
    for rep in run(store.people.reps):
        leads = counted(rep["open_leads"], "open lead")
        lines.append(f"{rep['id']}  {rep['state']:7} {rep['name']} <{rep['email']}>  {rep['pools']}  {leads}")
    show_lines(lines, "There are no reps yet: reps add NAME --email E adds one.")


@reps.command("show", help="All that is known of a rep.")
@click.argument("rep", type=click.UUID)
def show_rep(rep: UUID) -> None:
    _say(run(lambda unit: store.people.rep(unit, rep)))


@reps.command("pause", help="No new leads until resumed.")
@click.argument("rep", type=click.UUID)
@click.option("--until", type=click.DateTime(), help="In UTC: then it ends by itself.")
def pause_rep(rep: UUID, until: datetime | None) -> None:
    ends = until.replace(tzinfo=UTC) if until else None
    _state(_do(lambda unit: people.pause_rep(unit, rep, ends)))


@reps.command("resume", help="New leads again.")
@click.argument("rep", type=click.UUID)
def resume_rep(rep: UUID) -> None:
    _state(_do(lambda unit: people.resume_rep(unit, rep)))


@reps.command("leave", help="Gone for good: open leads go to others, keys and links stop.")
@click.argument("rep", type=click.UUID)
def leave(rep: UUID) -> None:
    handed_on = 0
    while True:
        before = run(lambda unit: store.people.rep(unit, rep))
        left = _do(lambda unit: people.leave(unit, rep, datetime.now(UTC)))
        handed_on += before["open_leads"] - left["open_leads"] if before and left else 0
        if left is None or not left["open_leads"]:
            break
    _state(left)
    click.echo(f"{counted(handed_on, 'open lead')} {'was' if handed_on == 1 else 'were'} handed on.")


@reps.command("link", help="A link to a rep's open leads, valid for a week.")
@click.argument("rep", type=click.UUID)
def link(rep: UUID) -> None:
    settings = read_settings(Settings)
    if run(lambda unit: store.people.rep(unit, rep)) is None:
        raise click.ClickException("There is no rep of this id: see `reps list`.")
    secret = load_secret(settings.secret_key_file, settings.local_dir / "secret-key")
    click.echo(Links(settings.base_url, secret).leads_of(rep, datetime.now(UTC)))


def _read(kind: Any, cells: Cells, cleared: Cells | None = None, rep_id: UUID | None = None) -> Any:
    """What was typed, or a sentence about it."""
    typed = {name: str(value) for name, value in cells.items() if value is not None and name not in ("pool", "off")}
    typed["pool"] = ";".join(cells.get("pool") or ())
    try:
        given = {**rep_from_cells(typed), **(cleared or {})}
        checked = kind.model_validate(given)
        if off := cells.get("off"):
            zone = _do(lambda unit: people.zone_of_days(unit, checked, rep_id))
            checked = kind.model_validate({**given, "away": [_away(one, zone) for one in off if one]})
        return checked
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise click.ClickException(f"{'.'.join(map(str, first['loc']))}: {first['msg']}.") from error
    except ValueError as error:
        raise click.ClickException(f"{error}.") from error


def _away(text: str, zone: str) -> dict[str, datetime]:
    """Whole days in a zone, the last one included."""
    first, _, last = text.partition("/")
    try:
        starts, ends = date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError:
        raise ValueError(f"{text!r} is not a day such as 2026-12-24, nor days such as 2026-12-24/2026-12-26") from None
    tz = ZoneInfo(zone)
    return {"starts_at": datetime.combine(starts, time.min, tz), "ends_at": datetime.combine(ends, time.max, tz)}


def _do(work: Callable[[Transaction], Awaitable[Any]]) -> Any:
    try:
        return run(work)
    except PeopleError as error:
        raise click.ClickException(str(error)) from error


def _say(rep: Any) -> None:
    if rep is None:
        raise click.ClickException("There is no rep of this id: see `reps list`.")
    for name, value in dict(rep).items():
        if value not in (None, "", [], {}, False):
            click.echo(f"{name:14} {value}")


def _state(rep: Any) -> None:
    if rep is None:
        raise click.ClickException("There is no rep of this id: see `reps list`.")
    until = f" until {rep['paused_until']:%F %R} UTC" if rep["paused_until"] else ""
    click.echo(f"{rep['name']} is {rep['state']}{until}.")
