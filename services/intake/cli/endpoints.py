"""endpoints add | list | rotate | disable."""

import secrets
from datetime import UTC, datetime

import click

from services.intake.adapters.senders import KINDS, fault_of_secret, new_secret
from services.intake.settings import Settings
from services.intake.store import endpoints as store
from services.intake.store import forms as form_store
from shared.commands import counted, in_transaction, read_settings, show_lines
from shared.database import Transaction

MAY_BEGIN_WITH_A_DASH = {"ignore_unknown_options": True}  # an id


@click.group(help="Where senders' webhooks post to.")
def endpoints() -> None:
    pass


@endpoints.command(help="Make an endpoint for a kind of sender. Prints its id: whoever knows it may post.")
@click.argument("kind", type=click.Choice(sorted(KINDS)))
@click.option("--form", default="api", show_default=True, help="The form its leads belong to.")
@click.option("--secret", help="What the sender signs with or shows.")
@click.option("--verify-token", help="Meta: the word agreed for its handshake; without it, the secret.")
def add(kind: str, form: str, secret: str | None, verify_token: str | None) -> None:
    if KINDS[kind].needs_secret and not secret:
        raise click.ClickException(f"A sender of kind {kind} proves itself with a secret: give it with --secret.")
    _check_secret(kind, secret)
    endpoint_id = secrets.token_urlsafe(24)
    row = {"id": endpoint_id, "kind": kind, "form": form, "secret": secret or None, "verify_token": verify_token or None}

    async def work(unit: Transaction) -> bool:
        known = any(one["key"] == form for one in await form_store.usable(unit))
        if known:
            await store.add(unit, {**row, "created_at": datetime.now(UTC)})
        return known

    if not in_transaction(read_settings(Settings), work):
        raise click.ClickException(f"There is no form {form} in use: see `forms list`.")
    click.echo(endpoint_id)
    click.echo(f"Post to {read_settings(Settings).base_url}/hooks/{endpoint_id}", err=True)
    if not secret:
        click.echo("Without a secret only the id protects it: treat the address as one.", err=True)


@endpoints.command("list", help="Every endpoint, without its secrets.")
def show_all() -> None:
    lines = []
    for row in in_transaction(read_settings(Settings), store.every):
        count = counted(row["secret"] + row["old_secret"], "secret")
        state = f"disabled {row['disabled_at']:%F}" if row["disabled_at"] else f"since {row['created_at']:%F}"
        lines.append(f"{row['id']}  {row['kind']}  form {row['form']}  {count}  {state}")
    show_lines(lines, "There are no endpoints: endpoints add KIND makes one.")


@endpoints.command(
    help="Put a new secret in force; the last one stays valid until --finish.", context_settings=MAY_BEGIN_WITH_A_DASH
)
@click.argument("endpoint_id")
@click.option("--secret", help="The new secret; one is made if it is not given.")
@click.option("--finish", is_flag=True, help="The sender has changed over: forget the old secret.")
def rotate(endpoint_id: str, secret: str | None, finish: bool) -> None:
    if finish and secret:
        raise click.ClickException("--finish forgets the old secret: put the new one in force first, without it.")

    async def work(unit: Transaction) -> str | None:
        if finish:
            return "The old secret is forgotten." if await store.drop_old(unit, endpoint_id) else None
        endpoint = await store.usable(unit, endpoint_id)
        if endpoint is None:
            return None
        _check_secret(endpoint["kind"], secret)
        new = secret or new_secret(endpoint["kind"])
        await store.rotate(unit, endpoint_id, new)
        return "The new secret is in force, beside the old." if secret else new

    answer = in_transaction(read_settings(Settings), work)
    if answer is None:
        raise click.ClickException("There is no endpoint of this id in use: see `endpoints list`.")
    click.echo(answer)


def _check_secret(kind: str, secret: str | None) -> None:
    if secret and (fault := fault_of_secret(kind, secret)):
        raise click.ClickException(fault)


@endpoints.command(help="Stop an endpoint, at once and for ever.", context_settings=MAY_BEGIN_WITH_A_DASH)
@click.argument("endpoint_id")
def disable(endpoint_id: str) -> None:
    async def work(unit: Transaction) -> bool:
        return await store.disable(unit, endpoint_id, datetime.now(UTC))

    if not in_transaction(read_settings(Settings), work):
        raise click.ClickException("There is no endpoint of this id in use: see `endpoints list`.")
    click.echo("The endpoint is disabled.")
