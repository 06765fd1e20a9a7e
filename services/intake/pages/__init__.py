"""The hosted form and its thank-you page: plain HTML, no JavaScript needed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.intake.domain.forms import LABELS, SELECTIONS, FieldError, Form

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, auto_reload=False
)
AUTOCOMPLETE = {
    "first_name": "given-name",
    "last_name": "family-name",
    "phone": "tel",
    "email": "email",
    "postal_code": "postal-code",
}


def form_page(form: Form, values: Mapping[str, Any], errors: Sequence[FieldError]) -> str:
    """The form; after a mistake with a summary, the sentence beside each field, and everything typed kept."""
    fields = [
        {
            "name": name,
            "label": label,
            "value": values.get(name) if isinstance(values.get(name), str) else "",
            "error": next((error.detail for error in errors if error.field == name), None),
            "optional": name not in form.required,
            "autocomplete": AUTOCOMPLETE.get(name, "off"),
        }
        for name, label in LABELS.items()
    ]
    other = [error for error in errors if error.field not in LABELS]
    page = _templates.get_template("form.html")
    return page.render(form=form, fields=fields, errors=errors, other=other, selections=SELECTIONS)


def thanks_page() -> str:
    return _templates.get_template("thanks.html").render()
