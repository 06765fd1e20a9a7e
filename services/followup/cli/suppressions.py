"""suppressions list | add | lift: every address that is not written to, and why."""

from datetime import UTC, datetime

import click

from services.followup import store
from services.followup.adapters.numbers import e164
from services.followup.cli.work import addresses, planner, work
from services.followup.domain.plans import CHANNELS
from services.followup.use_cases.consent import suppress_address
from services.followup.use_cases.lift_suppression import lift_suppression
from services.followup.use_cases.planning import company_of
from shared.commands import counted
from shared.database import Transaction

CHANNEL = click.Choice(CHANNELS)


@click.group(help="Addresses that are not written to, and why.")
def suppressions() -> None:
    pass


async def as_kept(unit: Transaction, address: str, channel: str) -> str:
    """The way a client's address is written here: another spelling would be suppressed in vain."""
    if channel == "sms":
        number = e164(address, (await company_of(unit)).country)
        if number is None:
            raise click.ClickException("This is no phone number that can exist: write it like +14195550134.")
        return number
    if channel == "email" and "@" not in address.strip("@ "):
        raise click.ClickException("An e-mail address has an @. For a phone number or a letter say --channel sms or post.")
    return address


@suppressions.command("list", help="Newest first. With --address: why this one.")
@click.option("--address", help="An e-mail address, a phone number or a postal address.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
def list_command(address: str | None, limit: int) -> None:
    async def read(unit: Transaction) -> list[str]:
        number = e164(address or "", (await company_of(unit)).country)
        hashes = [addresses().of(number or address)] if address else None
        rows = await store.consent.list_suppressions(unit, hashes, limit)
        return [
            f"{row['at']:%Y-%m-%d %H:%M} UTC  {row['channel']:5}  {row['purpose']:10}  {row['reason']}"
            f"{f' until {until:%Y-%m-%d}' if (until := row['until']) else ''}  {row['address_hash'].hex()[:12]}"
            for row in rows
        ]

    lines = work(read)
    for line in lines:
        click.echo(line)
    click.echo(f"{counted(len(lines), 'suppression')}. Addresses are kept as hashes only.")


@suppressions.command("add", help="Nothing at all goes to this address any more.")
@click.argument("address")
@click.option("--channel", type=CHANNEL, default="email", show_default=True)
@click.option("--reason", type=click.Choice(["manual", "litigator"]), default="manual", show_default=True)
def add_command(address: str, channel: str, reason: str) -> None:
    async def write(unit: Transaction) -> None:
        kept = await as_kept(unit, address, channel)
        await suppress_address(unit, addresses(), channel, kept, reason, datetime.now(UTC))

    work(write)
    click.echo("It is suppressed from the next attempt on, in every replica.")


@suppressions.command("lift", help="Only where the client has said yes expressly since; a complaint or an erasure stays.")
@click.argument("address")
@click.option("--channel", type=CHANNEL, default="email", show_default=True)
def lift_command(address: str, channel: str) -> None:
    async def write(unit: Transaction) -> str:
        now, kept = datetime.now(UTC), await as_kept(unit, address, channel)
        said = await lift_suppression(unit, addresses(), channel, kept, now)
        clients = await store.clients.with_address(unit, channel, kept)
        await planner().plan(unit, [client["id"] for client in clients], now)
        return said

    click.echo(work(write))
