"""The pages of forms as HTML: the form itself, its mistakes, its thank-you."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.intake.domain.forms import Field, FieldError, Form

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, auto_reload=False
)
AUTOCOMPLETE = {
    "first_name": "given-name",
    "last_name": "family-name",
    "name": "name",
    "phone": "tel",
    "email": "email",
    "postal_code": "postal-code",
    "company": "organization",
    "country": "country-name",
}


def form_page(form: Form, values: Mapping[str, Any], errors: Sequence[FieldError]) -> str:
    """The form; after a mistake with a summary, the sentence beside each field, and everything typed kept."""
    fields = [_shown(field, values.get(field.name), errors, form) for field in form.fields]
    names = {field.name for field in form.fields}
    other = [error for error in errors if error.field not in names]
    boxes = [
        {"name": f"_consent_{box.name}", "text": box.text, "ticked": f"_consent_{box.name}" in values} for box in form.consents
    ]
    return _templates.get_template("form.html").render(form=form, fields=fields, boxes=boxes, errors=errors, other=other)


def _shown(field: Field, value: Any, errors: Sequence[FieldError], form: Form) -> dict[str, Any]:
    return {
        "name": field.name,
        "label": field.label,
        "value": value if isinstance(value, str) else "",
        "error": next((error.detail for error in errors if error.field == field.name), None),
        "optional": not field.required and field.name not in form.one_of,
        "autocomplete": AUTOCOMPLETE.get(field.name, "off"),
        "choices": field.choices,
        "lines": field.lines,
    }


def thanks_page() -> str:
    return _templates.get_template("thanks.html").render()
