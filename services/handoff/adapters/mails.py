"""Mails to reps, as text and HTML. Nothing personal in a subject, nothing of a name in a header."""

from collections.abc import Sequence
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Any
from uuid import UUID

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.handoff.domain.brief import local_time

_folder = FileSystemLoader(Path(__file__).parent / "templates")
_text = Environment(loader=_folder, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)  # noqa: S701  plain text
_html = Environment(loader=_folder, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=True)
for environment in (_text, _html):
    environment.filters["local"] = local_time


def build_mail(
    template: str, subject: str, *, to: tuple[str, str], sender: str, id: UUID | str, at: datetime, **values: Any
) -> EmailMessage:
    """Render `template`.txt and .html. Raises ValueError where the address can never be one."""
    mail = EmailMessage()
    name, address = parseaddr(sender)
    mail["From"] = Address(one_line(name), addr_spec=address)
    mail["To"] = Address(one_line(to[0]), addr_spec=to[1])
    mail["Subject"] = one_line(subject)
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{id}@{address.rpartition('@')[2] or 'localhost'}>"
    mail["Auto-Submitted"] = "auto-generated"
    values |= {"subject": mail["Subject"], "rep": to[0]}
    mail.set_content(_text.get_template(f"{template}.txt").render(values), cte="quoted-printable")
    mail.add_alternative(_html.get_template(f"{template}.html").render(values), subtype="html", cte="quoted-printable")
    return mail


def one_line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def offer_subject(offer: Any, zone: str) -> str:
    """What and until when; who it is stays in the body, for a locked screen shows subjects."""
    asked = one_line(str(offer["snapshot"].get("selection") or "lead"))[:40]
    return f"New lead: {asked} ({offer['tier']}), please answer by {local_time(offer['expires_at'], zone)}"


def digest_subject(offers: Sequence[Any]) -> str:
    return f"{len(offers)} new leads wait for your answer"
