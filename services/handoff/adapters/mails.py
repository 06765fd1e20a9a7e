"""Mails to reps, as text and HTML. Nothing personal in a subject, nothing of a name in a header."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.handoff.domain.brief import local_time
from services.handoff.domain.rules import choice_of
from shared.mail import alternatives, joined, mailbox, one_line, split_mailbox, unstructured, wire_address

_folder = FileSystemLoader(Path(__file__).parent / "templates")
_text = Environment(loader=_folder, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)  # noqa: S701  plain text
_html = Environment(loader=_folder, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=True)
for environment in (_text, _html):
    environment.filters["local"] = local_time


@dataclass(frozen=True, slots=True)
class Mail:
    """Who sends to whom, and the bytes."""

    sender: str
    to: str
    content: bytes


def build_mail(
    template: str, subject: str, *, to: tuple[str, str], sender: str, id: UUID | str, at: datetime, **values: Any
) -> Mail:
    """Render `template`.txt and .html. Raises Unsendable where the address can never be one."""
    name, address = split_mailbox(sender)
    origin = wire_address(address)
    values |= {"subject": one_line(subject), "rep": to[0]}
    text = _text.get_template(f"{template}.txt").render(values)
    html = _html.get_template(f"{template}.html").render(values)
    kind, body = alternatives(text, html, boundary=f"=_{id}")
    headers = [
        ("From", mailbox(one_line(name), address)),
        ("To", mailbox(one_line(to[0]), to[1])),
        ("Subject", unstructured(values["subject"], len("Subject: "))),
        ("Date", format_datetime(at)),
        ("Message-ID", f"<{id}@{origin.rpartition('@')[2]}>"),
        ("Auto-Submitted", "auto-generated"),
        ("MIME-Version", "1.0"),
        ("Content-Type", kind),
    ]
    return Mail(origin, wire_address(to[1]), joined(headers, body))


def offer_subject(offer: Any, zone: str, choices: Container[str]) -> str:
    """What and until when; who it is stays in the body, for a locked screen shows subjects."""
    asked = one_line(choice_of(str(offer["snapshot"].get("selection") or ""), choices) or "lead")[:40]
    return f"New lead: {asked} ({offer['tier']}), please answer by {local_time(offer['expires_at'], zone)}"
