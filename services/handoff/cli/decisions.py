"""The commands that explain and prove decisions."""

import click

from services.handoff import store
from services.handoff.cli.database import run
from services.handoff.domain.routing import hash_of_record
from shared.database import Transaction


@click.command("verify", help="Recompute the hash of every stored decision.")
def verify() -> None:
    async def work(unit: Transaction) -> tuple[int, list[str]]:
        rows = await store.assignments.decisions(unit)
        return len(rows), [str(row["id"]) for row in rows if hash_of_record(row["decision"]) != row["decision"]["hash"]]

    count, wrong = run(work)
    for one in wrong:
        click.echo(f"The decision of assignment {one} was changed after it was made.", err=True)
    click.echo(f"{count - len(wrong)} of {count} decisions verify.")
    raise SystemExit(bool(wrong))
