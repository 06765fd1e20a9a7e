"""The commands that explain and prove decisions."""

from datetime import UTC, datetime
from uuid import UUID

import click

from services.handoff.cli.database import run
from services.handoff.use_cases.explain import explain_lead, explain_now
from services.handoff.use_cases.verify import verify_decisions
from shared.database import Transaction


@click.command("explain", help="Say why a lead went where it went; with --rep, why not to that one.")
@click.argument("lead", type=click.UUID)
@click.option("--rep", type=click.UUID, help="The id of a rep: see `reps list`.")
def explain(lead: UUID, rep: UUID | None) -> None:
    async def work(unit: Transaction) -> list[str]:
        now = await explain_now(unit, lead, rep, datetime.now(UTC)) if rep else []
        return await explain_lead(unit, lead, rep) + now

    lines = run(work)
    if not lines:
        raise click.ClickException("There is no lead of this id.")
    for line in lines:
        click.echo(line)


@click.command("verify", help="Make every stored decision again: same inputs, same outcome, same hash.")
def verify() -> None:
    findings = run(verify_decisions)
    for assignment, problem in findings.wrong:
        click.echo(f"The decision of assignment {assignment} {problem}.", err=True)
    click.echo(f"{findings.checked - len(findings.wrong)} of {findings.checked} decisions verify.")
    raise SystemExit(bool(findings.wrong))
