"""A step's template and the facts of one client, as subject, text and HTML. One source makes both bodies.

A template is a text: header lines (Subject, Preheader), an empty line, paragraphs. It may use `- ` lists and [words](link).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

FOLDER = Path(__file__).parent / "templates"
_text = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True)
_html = ImmutableSandboxedEnvironment(loader=FileSystemLoader(FOLDER), undefined=StrictUndefined, autoescape=True)


class Unrenderable(ValueError):
    """This template can never become a message for this client; the touch fails with this reason."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a message says. `html` is a whole document."""

    subject: str
    text: str
    html: str


def shipped_template(name: str) -> str:
    return (FOLDER / f"{name}.md").read_text()


def render(source: str, facts: Mapping[str, Any]) -> Rendered:
    """Fill a template in. Needs company, postal_address and unsubscribe_url among the facts. Raises Unrenderable."""
    try:
        head, _, body = _text.from_string(source).render(facts).partition("\n\n")
        subject = one_line(head.removeprefix("Subject:"))
        paragraphs = body.strip().split("\n\n")
        page = _html.get_template("frame.html").render(paragraphs=paragraphs, title=subject, **facts)
    except Exception as error:
        raise Unrenderable(f"{type(error).__name__}: {error}"[:300]) from error
    foot = f"-- \n{facts['company']}\n{facts['postal_address']}\nYou get this because we worked for you. "
    return Rendered(subject, f"{body.strip()}\n\n{foot}Stop these mails: {facts['unsubscribe_url']}\n", page)


def first_name(contact: Mapping[str, Any]) -> str:
    """As they typed it; nobody is called by a name we made up."""
    return one_line(str(contact.get("first_name") or "")) or "there"


def one_line(text: str) -> str:
    """Nothing in a name may become a header."""
    return " ".join("".join(" " if ord(char) < 32 or char in "\x7f\u2028\u2029\x85" else char for char in text).split())
