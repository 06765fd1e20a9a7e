"""suppressions list | add | lift: every address that is not written to, and why."""

from datetime import UTC, datetime

import click

from services.followup import store
from services.followup.cli.work import addresses, work
from services.followup.use_cases.consent import lift_suppression, suppress_address
from shared.database import Transaction

CHANNELS = click.Choice(["email", "sms", "post"])


@click.group(help="Addresses that are not written to, and why.")
def suppressions() -> None:
    pass


@suppressions.command("list", help="Newest first. With --address: why this one.")
@click.option("--address", help="An e-mail address or a phone number (E.164).")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
def list_command(address: str | None, limit: int) -> None:
    hashes = [addresses().of(address)] if address else None

    async def read(unit: Transaction) -> list[str]:
        rows = await store.consent.list_suppressions(unit, hashes, limit)
        return [
            f"{row['at']:%Y-%m-%d %H:%M}  {row['channel']:5}  {row['purpose']:10}  {row['reason']}"
            f"{f' until {until:%Y-%m-%d}' if (until := row['until']) else ''}  {row['address_hash'].hex()[:12]}"
            for row in rows
        ]

    lines = work(read)
    for line in lines:
        click.echo(line)
    click.echo(f"{len(lines)} suppressions. Addresses are kept as hashes only.")


@suppressions.command("add", help="Nothing at all goes to this address any more.")
@click.argument("address")
@click.option("--channel", type=CHANNELS, default="email", show_default=True)
@click.option("--reason", type=click.Choice(["manual", "litigator"]), default="manual", show_default=True)
def add_command(address: str, channel: str, reason: str) -> None:
    async def write(unit: Transaction) -> None:
        await suppress_address(unit, addresses(), channel, address, reason, datetime.now(UTC))

    work(write)
    click.echo("It is suppressed from the next attempt on, in every replica.")


@suppressions.command("lift", help="Only where the client has said yes expressly since; a complaint or an erasure stays.")
@click.argument("address")
@click.option("--channel", type=CHANNELS, default="email", show_default=True)
def lift_command(address: str, channel: str) -> None:
    async def write(unit: Transaction) -> str:
        return await lift_suppression(unit, addresses(), channel, address, datetime.now(UTC))

    click.echo(work(write))
