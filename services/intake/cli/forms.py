"""forms add | list | show | disable | embed."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from services.intake.adapters.form_files import TEXTS, FormRefused, FormSpec, read_definition, read_file
from services.intake.pages.embed import markup
from services.intake.pages.rendering import snippet
from services.intake.settings import Settings
from services.intake.store import endpoints as endpoint_store
from services.intake.store import forms as store
from shared.commands import in_transaction, read_settings
from shared.database import Transaction

UNCHECKED = {
    "quarantine": "sets every post of this form aside",
    "accept": "takes every post of this form unchecked",
    "reject": "refuses every post of this form",
}


@click.group(help="What the web forms ask.")
def forms() -> None:
    pass


@forms.command(help="Add a form, or a new version of one, from a TOML file.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def add(file: Path) -> None:
    try:
        form = read_file(file.read_text(encoding="utf-8-sig"))
    except FormRefused as error:
        raise click.ClickException("\n".join(error.reasons)) from error
    except UnicodeDecodeError as error:
        raise click.ClickException("Please save the file as UTF-8.") from error

    async def work(unit: Transaction) -> int:
        return await store.put(unit, form.key, form.model_dump(mode="json", exclude_defaults=True), datetime.now(UTC))

    settings = read_settings(Settings)
    version = in_transaction(settings, work)
    click.echo(f"{form.key} is at version {version}: {settings.base_url}/f/{form.key}")
    if form.captcha and not getattr(settings, f"{form.captcha.provider}_secret"):
        secret, then = f"INTAKE_{form.captcha.provider.upper()}_SECRET", UNCHECKED[form.captcha.on_outage]
        click.echo(f"{secret} is not set here: a service without it cannot check the captcha and {then}.", err=True)
    if left := left_in_english(form):
        click.echo(f"The form is in {form.language}, but its file leaves in English: {', '.join(left)}.", err=True)


@forms.command("list", help="Every form, with its version.")
def show_all() -> None:
    for row in in_transaction(read_settings(Settings), store.every):
        state = f"disabled {row['disabled_at']:%F}" if row["disabled_at"] else f"since {row['changed_at']:%F}"
        click.echo(f"{row['key']}  version {row['version']}  {state}  {row['definition'].get('title', '')}")


@forms.command(help="The definition of a form; with --html, what to paste into a page.")
@click.argument("key")
@click.option("--html", "as_html", is_flag=True, help="Plain HTML that works without a script.")
def show(key: str, as_html: bool) -> None:
    form = definition_of(key)
    if as_html:
        click.echo(snippet(form.read(), read_settings(Settings).base_url))
    else:
        click.echo(json.dumps(form.model_dump(mode="json", exclude_defaults=True), indent=2, ensure_ascii=False))


@forms.command(
    help="What to paste for a form that answers without leaving the page. Needs this site in CSP script-src and connect-src."
)
@click.argument("key")
def embed(key: str) -> None:
    click.echo(markup(definition_of(key).read(), read_settings(Settings).base_url))


@forms.command(help="Stop taking posts of a form. To senders it is as if it had never been.")
@click.argument("key")
def disable(key: str) -> None:
    async def work(unit: Transaction) -> list[Any] | None:
        if not await store.disable(unit, key, datetime.now(UTC)):
            return None
        return [row for row in await endpoint_store.every(unit) if row["form"] == key and not row["disabled_at"]]

    endpoints = in_transaction(read_settings(Settings), work)
    if endpoints is None:
        raise click.ClickException(f"There is no form {key} in use: see `forms list`.")
    click.echo(f"{key} is disabled; the running services follow within seconds.")
    for one in endpoints:
        told = f"The endpoint {one['id']} ({one['kind']}) posts to it, and finds nothing there: its leads are lost."
        click.echo(f"{told} Disable it too, or `forms add` the form again.", err=True)


def definition_of(key: str) -> FormSpec:
    rows: list[Any] = in_transaction(read_settings(Settings), store.every)
    for row in rows:
        if row["key"] == key:
            return read_definition(row["definition"])
    raise click.ClickException(f"There is no form {key}: see `forms list`.")


def left_in_english(form: FormSpec) -> list[str]:
    """Of a form in another language: the sentences it says that are still ours."""
    if form.language.lower().split("-")[0] == "en":
        return []
    own = [
        f"{field.name}.{sentence}"
        for field in form.fields
        for sentence, is_said in (("missing", field.required), ("invalid", field.choices or field.name in ("email", "phone")))
        if is_said and not getattr(field, sentence)
    ]
    return own + [f"texts.{name}" for name in TEXTS if name not in form.texts and (name != "one_of" or form.one_of)]
