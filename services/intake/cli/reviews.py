"""reviews list | settle."""

from datetime import UTC, datetime
from uuid import UUID

import click

from services.intake.cli.persons import run
from services.intake.store import persons as store
from services.intake.use_cases.persons import settle_review
from shared.commands import show_lines
from shared.database import Rows, Transaction


@click.group(help="Pairs of persons who may be one: look at them with `persons show`.")
def reviews() -> None:
    pass


@reviews.command("list", help="The oldest first.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000))
def show_all(limit: int) -> None:
    async def work(unit: Transaction) -> Rows:
        return await store.open_reviews(unit, limit)

    lines = [
        f"{row['id']}  {row['created_at']:%F %R} UTC  {row['person_id']}  {row['other_id']}  {row['reason']}" for row in run(work)
    ]
    show_lines(lines, "There is no open task.")


@reviews.command(help="Say what they are. `--different`: they are never joined by themselves.")
@click.argument("task_id", type=click.UUID)
@click.option("--same/--different", required=True)
def settle(task_id: UUID, same: bool) -> None:
    run(lambda unit: settle_review(unit, task_id, same=same, now=datetime.now(UTC)))
    click.echo("They are one person now." if same else "They stay two persons.")
