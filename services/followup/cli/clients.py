"""clients list | show, preview and why: what a client heard, will hear, and by which rule."""

import hashlib
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from services.followup import store
from services.followup.cli.work import planner, work
from services.followup.use_cases.households import place_of
from services.followup.use_cases.planning import company_of
from services.followup.use_cases.preview import Line, preview, why
from shared.commands import show_lines
from shared.database import Transaction

CLIENT = click.option("--client", "client_id", type=click.UUID, required=True, help="The client's id.")


@click.group("clients", help="Who chose us.")
def clients() -> None:
    pass


@clients.command("list", help="Clients in the order they came, a page at a time.")
@click.option("--after", type=click.UUID, help="The last id of the page before.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50)
def show_all(after: UUID | None, limit: int) -> None:
    async def run(unit: Transaction) -> list[str]:
        lines = []
        for row in await store.clients.page(unit, after, limit):
            state = "prospect" if row["prospect"] else "moved" if row["moved_at"] else "client"
            lines.append(f"{row['id']}  {state:<9} household {row['household_id']}  since {row['created_at']:%Y-%m-%d}")
        return lines

    show_lines(work(run), "There is nobody.")


@clients.command("show", help="What is known of a client: plans, jobs, assets, what holds the plans back.")
@click.argument("client_id", type=click.UUID)
def show(client_id: UUID) -> None:
    async def run(unit: Transaction) -> None:
        row = await _client(unit, client_id)
        today = [row["id"]]
        regions = place_of(row, await company_of(unit)).regions
        click.echo(f"household {row['household_id']}, zone {row['zone'] or 'as the company'}, region {', '.join(regions) or '?'}")
        for one in await store.enrolments.earlier(unit, today):
            click.echo(
                f"plan {one['plan']} {one['plan_version']} for {one['subject']}: {one['state']} {one['reason'] or ''}".rstrip()
            )
        for one in await store.planning.jobs(unit, today):
            click.echo(f"job {one['id']} {one['trade']} completed on {one['completed_on']} {one['outcome']}".rstrip())
        for one in await store.planning.assets(unit, today):
            click.echo(f"asset {one['kind']} installed on {one['installed_on']}")
        for one in await store.enrolments.holds(unit, today):
            click.echo(f"held by {one['kind']} since {one['opened_at']:%Y-%m-%d}, until {one['until']:%Y-%m-%d} at the latest")

    work(run)


@click.command(
    "preview", help="Every touch of a client's year in their own time, with its text and the reason of each roll or skip."
)
@CLIENT
@click.option("--year", type=click.IntRange(2000, 2100), default=lambda: datetime.now(UTC).year)
@click.option("--brief", is_flag=True, help="A hash instead of the text: for comparing.")
@click.option(
    "--html", "folder", type=click.Path(file_okay=False, path_type=Path), help="Write each mail as a page into this folder."
)
def preview_command(client_id: UUID, year: int, brief: bool, folder: Path | None) -> None:
    async def run(unit: Transaction) -> list[Line]:
        client = await _client(unit, client_id)
        return await preview(unit, planner(), client["id"], year, datetime.now(UTC))

    lines = work(run)
    for line in lines:
        _tell(line, brief=brief)
    if folder is not None:
        _write(folder, [line for line in lines if line.page])


@click.command("why", help="Why a step did or did not happen to a client.")
@CLIENT
@click.option("--step", required=True, help="The step's key, for example review.")
def why_command(client_id: UUID, step: str) -> None:
    async def run(unit: Transaction) -> list[str]:
        client = await _client(unit, client_id)
        return await why(unit, planner(), client["id"], step, datetime.now(UTC))

    for sentence in work(run):
        click.echo(sentence)


async def _client(unit: Transaction, client_id: UUID) -> Any:
    """Who this is today."""
    row = await store.clients.find(unit, client_id)
    if row is None:
        raise click.ClickException("There is no client of this id: see clients list.")
    return row


def _write(folder: Path, lines: list[Line]) -> None:
    """A page each: the second of one day and step has a number."""
    times: Counter[str] = Counter()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for line in lines:
            times[name := f"{line.day}-{line.step}"] += 1
            number = f"-{times[name]}" if times[name] > 1 else ""
            (folder / f"{name}{number}.html").write_text(line.page, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{folder} cannot be written: {error.strerror}") from error


def _tell(line: Line, *, brief: bool) -> None:
    reason = f": {line.reason}" if line.reason else ""
    click.echo(
        f"{line.day:%a} {line.day} {line.at:%H:%M} {line.zone}  {line.plan} {line.step}  {line.channel}  {line.state}{reason}"
    )
    for note in line.notes:
        click.echo(f"    {note}")
    if line.unrenderable:
        click.echo(f"    cannot be written: {line.unrenderable}")
    elif line.message is not None and brief:
        digest = hashlib.sha256(f"{line.says}\n{line.page}".encode()).hexdigest()
        click.echo(f"    text {digest[:16]}")
    elif line.message is not None:
        text = "\n".join(f"    {one}".rstrip() for one in line.says.splitlines())
        click.echo(f"{text}\n")
