"""What a page carries on although no field shows it: where somebody came from, and what else was sent with a mistake."""

from collections.abc import Mapping
from typing import Any

from services.intake.adapters.requests import REDIRECT_FIELDS
from services.intake.domain.aliases import CLICK, PAGES
from services.intake.domain.forms import BOX, Form
from services.intake.domain.spam import PUZZLES, TRAPS
from services.intake.domain.submissions import ATTRIBUTION, MAX_ANSWERS, MAX_TEXT

Pairs = list[tuple[str, str]]
AS_SENT = (*REDIRECT_FIELDS, *PAGES, CLICK, *ATTRIBUTION)  # reading a post takes these out of its values
MAX_MARK, MAX_NAME = 512, 100


def marks_in(query: Mapping[str, str], form: Form) -> Pairs:
    """The marks of a campaign in the address of the page. Nothing else: a link must not write answers or name a place to go."""
    asked = form.own_names
    found = [(name, query.get(name, "")) for name in ATTRIBUTION if name not in asked]
    return [(name, value.replace("\x00", "")[:MAX_MARK]) for name, value in found if value]


def unasked(form: Form, sent: Mapping[str, Any], values: Mapping[str, Any]) -> Pairs:
    """What no field shows. A puzzle is solved again."""
    shown = {*form.own_names, *TRAPS, *PUZZLES}
    told = {name: sent[name] for name in AS_SENT if name in sent} | dict(values)
    return [
        (name, one.replace("\x00", "")[:MAX_TEXT])
        for name, value in told.items()
        if name not in shown and not name.startswith(BOX) and len(name) <= MAX_NAME and "\x00" not in name
        for one in (value if isinstance(value, list) else [value])
        if isinstance(one, str)
    ][:MAX_ANSWERS]
