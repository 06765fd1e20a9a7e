"""The commands about the people who sell."""

import csv
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import click
from asyncpg import UniqueViolationError
from uuid_utils.compat import uuid7

from services.handoff import models, store
from services.handoff.cli.database import run
from shared.agreement import parse
from shared.database import Transaction


@click.group(help="The people who sell.")
def reps() -> None:
    pass


@reps.command("add", help="Add a rep, who gets leads from the next decision on.")
@click.argument("name")
@click.option("--email", required=True)
@click.option("--pool", help="A pool to join, besides those everyone is in.")
@click.option("--weight", type=click.IntRange(1, 1000), default=1, show_default=True)
def add_rep(name: str, email: str, pool: str | None, weight: int) -> None:
    try:
        click.echo(run(lambda unit: _add(unit, name, email, pool, weight)))
    except UniqueViolationError as error:
        raise click.ClickException(f"There is already a rep with the address {email}.") from error


@reps.command("import", help="Add the reps of a CSV file: name, email, and if you like pool and weight.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_reps(file: Path) -> None:
    with file.open(newline="", encoding="utf-8-sig") as opened:
        rows = list(csv.DictReader(opened))
    for number, row in enumerate(rows, 2):
        if not (row.get("name") and row.get("email") and (row.get("weight") or "1").isdigit()):
            raise click.ClickException(f"Line {number} of {file.name} needs a name, an email and a whole weight.")

    async def work(unit: Transaction) -> list[str]:
        found = []
        for row in rows:
            weight = int(row.get("weight") or 1)
            rep_id = await _add(unit, row["name"], row["email"], row.get("pool") or None, weight)
            found.append(f"{rep_id}  {row['name']}")
        return found

    try:
        for line in run(work):
            click.echo(line)
    except UniqueViolationError as error:
        raise click.ClickException("One of these addresses belongs to a rep already; nothing was imported.") from error


async def _add(unit: Transaction, name: str, email: str, pool: str | None, weight: int) -> str:
    """A rep and the pools they join: the one named, else every pool that everyone is in."""
    rep = {"id": uuid7(), "name": name, "email": email, "state": "active", "created_at": datetime.now(UTC)}
    await unit.insert(models.Rep, [rep])
    agreement = await store.agreements.current_agreement(unit)
    pools = parse(agreement["text"]).pools if agreement else {}
    if pool and pools and pool not in pools:
        raise click.ClickException(f"The agreement has no pool {pool!r}; it has {', '.join(pools)}.")
    joined = {pool} if pool else {key for key, one in pools.items() if one.everyone}
    members = [{"pool": one, "rep_id": rep["id"], "weight": weight, "credit": 0, "last_turn": 0} for one in sorted(joined)]
    await unit.insert(models.PoolMember, members)
    return str(rep["id"])


@reps.command("list", help="Every rep, with their pools.")
def list_reps() -> None:
    for rep in run(store.people.reps):
        click.echo(f"{rep['id']}  {rep['state']:7} {rep['name']} <{rep['email']}>  {rep['pools']}")


def _set_state(name: str, help_text: str, state: str) -> None:
    @reps.command(name, help=help_text)
    @click.argument("rep", type=click.UUID)
    def change(rep: UUID) -> None:
        async def work(unit: Transaction) -> object:
            return await store.people.set_rep_state(unit, rep, state)

        found = run(work)
        if found is None:
            raise click.ClickException("There is no rep of this id: see `reps list`.")
        click.echo(f"{found} is {state}.")


_set_state("pause", "No new leads until resumed.", "paused")
_set_state("resume", "New leads again.", "active")
