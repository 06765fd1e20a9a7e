"""persons show | merge | unmerge | unlink | consent | export | erase."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

import click
import orjson

from services.intake.adapters.hashes import Hasher
from services.intake.settings import Settings
from services.intake.store import persons as store
from services.intake.use_cases import persons as use_cases
from services.intake.use_cases.consents import Said, consents_of, record_consent
from services.intake.use_cases.persons import NotFound
from services.intake.use_cases.privacy import erase_person, export_person
from shared.channels import known_channel, purpose_of
from shared.commands import counted, in_transaction, read_settings
from shared.database import Transaction
from shared.signing import load_secret

Answer = TypeVar("Answer")


def run(work: Callable[[Transaction], Awaitable[Answer]]) -> Answer:
    try:
        return in_transaction(read_settings(Settings), work)
    except NotFound as error:
        raise click.ClickException(str(error)) from error


def show(found: object) -> None:
    click.echo(orjson.dumps(found, default=str, option=orjson.OPT_INDENT_2))


@click.group(help="Who the people are: keys, merges, consent, privacy. PERSON is an id, an email or a phone as +14195552001.")
def persons() -> None:
    pass


@persons.command("show", help="Keys with their history, merges, leads and consent.")
@click.argument("person")
def show_person(person: str) -> None:
    async def work(unit: Transaction) -> dict[str, object]:
        found = await use_cases.find_person(unit, person)
        stands = (await consents_of(unit, found))["current"]
        return await use_cases.describe_person(unit, found) | {"consents": stands}

    show(run(work))


@persons.command(help="Say that two persons are one. The older stays; `unmerge` takes it back.")
@click.argument("one", type=click.UUID)
@click.argument("other", type=click.UUID)
@click.option("--why", default="people said they are the same", show_default=True)
def merge(one: UUID, other: UUID, why: str) -> None:
    into = run(lambda unit: use_cases.merge_persons(unit, one, other, why, datetime.now(UTC)))
    click.echo(f"They are {into} now." if into else "They were one already.")


@persons.command(help="Take a person's merge back, for leads to come.")
@click.argument("person_id", type=click.UUID)
def unmerge(person_id: UUID) -> None:
    into = run(lambda unit: use_cases.unmerge_person(unit, person_id, datetime.now(UTC)))
    click.echo(f"{person_id} and {into} are two persons from the next lead on.")


@persons.command(help="A phone or an email is no longer this person's.")
@click.argument("person")
@click.argument("value")
def unlink(person: str, value: str) -> None:
    async def work(unit: Transaction) -> int:
        found = await use_cases.find_person(unit, person)
        return await store.end_key(unit, await store.members(unit, found), value, datetime.now(UTC))

    if not run(work):
        raise click.ClickException("The person has no such key: see `persons show`.")
    click.echo("It identifies them no more.")


@persons.command(help="Write down what somebody said about being contacted, for example on the phone.")
@click.argument("person")
@click.option("--channel", required=True, help="email, sms, phone or post.")
@click.option("--purpose", help="Left out: every purpose.")
@click.option("--granted/--revoked", required=True)
@click.option("--text", default="", help="What was asked, in the words used.")
@click.option("--reason", default="request", show_default=True)
def consent(person: str, channel: str, purpose: str | None, granted: bool, text: str, reason: str) -> None:
    try:
        said = Said(known_channel(channel), granted, purpose_of(purpose), text, reason)
    except ValueError as error:
        raise click.ClickException(f"{error}.") from error

    async def work(unit: Transaction) -> UUID:
        return await record_consent(unit, await use_cases.find_person(unit, person), said, source="cli", now=datetime.now(UTC))

    click.echo(run(work))


@persons.command(help="Everything we hold of somebody, as JSON.")
@click.argument("person")
def export(person: str) -> None:
    show(run(lambda unit: export_person(unit, person)))


@persons.command(help="Forget somebody, in all three services. This cannot be undone.")
@click.argument("person")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(person: str, yes: bool) -> None:
    settings = read_settings(Settings)
    if not yes:
        click.confirm("Erase this person for good?", abort=True)
    hasher = Hasher(load_secret(settings.secret_key_file, settings.local_dir / "secret-key"))
    count = run(lambda unit: erase_person(unit, person, hasher, datetime.now(UTC)))
    click.echo(f"Erased, with {counted(count, 'submission')}; handoff and followup are told.")
