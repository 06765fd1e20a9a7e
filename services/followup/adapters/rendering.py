"""A step's template and the facts of one client, as subject, text and HTML. One source makes both bodies.

Templates are compiled once. They may name facts, choose with `if` and go through a list; they may call nothing, so that
rendering takes no longer than its output is long, and the output has a limit.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from services.followup.adapters.markup import escape, read_markup
from shared.mail import one_line

FOLDER = Path(__file__).parent / "templates"
MAX_RENDERED = 60_000
LINKS = ("unsubscribe_url", "preferences_url", "referral_url", "maintenance_url", "satisfaction_url")
VARIABLES = frozenset(
    (
        *LINKS,
        "name",
        "first_name",
        "last_name",
        "company",
        "postal_address",
        "trade",
        "job_day",
        "years",
        "month",
        "tip",
    )
)
_FILTERS = {"capitalize", "default", "lower", "title", "trim", "upper"}
_ALLOWED = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Getattr,
    nodes.Const,
    nodes.If,
    nodes.For,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.CondExpr,
    nodes.Filter,
)


def shipped_templates() -> dict[str, str]:
    """By name, every template that ships."""
    return {file.stem: file.read_text() for file in sorted(FOLDER.glob("*.md"))}


_GAPS = re.compile(r"\n{3,}")


class Unrenderable(ValueError):
    """This template can never become a message for this client; the touch fails with this reason."""


class LeftOut(Unrenderable):
    """There is no such template, and the plan says that the touch is left out then."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a message says. `html` is a whole document; `sms` is there where the template has one."""

    subject: str
    text: str
    html: str
    sms: str | None = None

    @property
    def texted(self) -> str | None:
        """A text message says how to stop it."""
        return self.sms if not self.sms or "STOP" in self.sms else f"{self.sms} Answer STOP to end."

    @property
    def written(self) -> str:
        """Paper has no footer; the company's own hand signs it."""
        return self.text.partition("\n-- \n")[0].strip()


@dataclass(frozen=True, slots=True)
class Compiled:
    """A template of one plan version, ready to be filled in."""

    subject: Template
    text: Template
    html: Template
    sms: Template | None
    has_footer: bool


def _environment(*, autoescape: bool) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=autoescape, trim_blocks=True)
    environment.globals.clear()
    return environment


_text, _html = _environment(autoescape=False), _environment(autoescape=True)
_FOOT = (
    "-- \n{{ company }}\n{{ postal_address }}\nYou get this because you turned to us. Stop these mails: {{ unsubscribe_url }}\n"
    "{% if preferences_url %}Hear less often: {{ preferences_url }}\n{% endif %}"
)


@lru_cache(maxsize=512)
def compile_template(source: str) -> Compiled:
    """Raises Unrenderable with the line and what to do."""
    try:
        found = read_markup(source)
        for one in (*found.headers.values(), found.text):
            _check(one)
        frame = (FOLDER / "frame.html").read_text()
        has_footer = found.headers.get("footer", "") != "none"
        page = frame.replace("<!--body-->", found.html).replace("<!--preheader-->", escape(found.headers.get("preheader", "")))
        sms = found.headers.get("sms")
        return Compiled(
            _text.from_string(found.headers["subject"]),
            _text.from_string(f"{found.text}\n\n{_FOOT if has_footer else ''}"),
            _html.from_string(page),
            _text.from_string(sms) if sms else None,
            has_footer,
        )
    except (TemplateError, ValueError) as error:
        number = getattr(error, "lineno", None)
        line = f"line {number}: " if number else ""
        raise Unrenderable(f"{line}{error}"[:300]) from error


def _check(source: str) -> None:
    """Only what cannot take long and cannot reach out."""
    tree = _text.parse(source)
    for node in tree.find_all(nodes.Node):
        if not isinstance(node, _ALLOWED):
            raise ValueError(f"line {node.lineno}: a template may not use {type(node).__name__.lower()}")
        if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
            raise ValueError(f"line {node.lineno}: the filter {node.name} is not known; known are {', '.join(sorted(_FILTERS))}")
        if isinstance(node, nodes.For) and list(node.find_all(nodes.For)):
            raise ValueError(f"line {node.lineno}: a list within a list may not be gone through")
    if unknown := sorted(meta.find_undeclared_variables(tree) - VARIABLES):
        raise ValueError(f"the variable {unknown[0]} is not known; known are {', '.join(sorted(VARIABLES))}")


def render(source: str, facts: Mapping[str, Any]) -> Rendered:
    """Fill a template in with plain facts. Raises Unrenderable."""
    compiled = compile_template(source)
    try:
        subject = one_line(compiled.subject.render(facts))
        text = _GAPS.sub("\n\n", compiled.text.render(facts))  # what `if` left out leaves no gap
        page = compiled.html.render(facts, title=subject, has_footer=compiled.has_footer)
        sms = one_line(compiled.sms.render(facts)) if compiled.sms else None
    except Exception as error:
        raise Unrenderable(f"{type(error).__name__}: {error}"[:300]) from error
    if len(text) + len(page) > MAX_RENDERED:
        raise Unrenderable(f"a message has at most {MAX_RENDERED} characters")
    return Rendered(subject, text, page, sms)


def first_name(contact: Mapping[str, Any]) -> str:
    """As they typed it, or nothing; nobody is called by a name we made up."""
    return one_line(str(contact.get("first_name") or ""))
