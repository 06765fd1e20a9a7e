"""The pages of forms as HTML: the form itself, its mistakes, its thank-you."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.intake.adapters.form_files import origin_of
from services.intake.domain.forms import BOX, Field, FieldError, Form, box_ticked

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    auto_reload=False,
    trim_blocks=True,
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


SCRIPTS = {
    "turnstile": ("https://challenges.cloudflare.com/turnstile/v0/api.js", "cf-turnstile"),
    "hcaptcha": ("https://js.hcaptcha.com/1/api.js", "h-captcha"),
}


def form_page(form: Form, values: Mapping[str, Any], errors: Sequence[FieldError], *, hidden: Sequence[tuple[str, str]]) -> str:
    """The form; after a mistake with a summary, the sentence beside each field, and everything typed kept."""
    other = [error for error in errors if error.field not in form.own_names]
    parts = parts_of(form, values, errors) | {"hidden": hidden, "errors": errors, "other": other}
    return _templates.get_template("form.html").render(form=form, base="", **parts)


def snippet(form: Form, base: str) -> str:
    """The same form to paste into any page: plain HTML that works without a script."""
    return _templates.get_template("fields.html").render(form=form, base=base, hidden=[], **parts_of(form, {}, []))


def parts_of(form: Form, values: Mapping[str, Any], errors: Sequence[FieldError]) -> dict[str, Any]:
    boxes = [
        {"name": name, "text": box.text, "mark": box.mark, "ticked": box_ticked(form, box.name, values.get(name, "")) == box}
        for box in form.consents
        for name in [BOX + box.name]
    ]
    captcha = form.captcha and dict(
        zip(("script", "class"), SCRIPTS[form.captcha.provider], strict=True), key=form.captcha.site_key
    )
    return {
        "fields": [_shown(field, values.get(field.name), errors, form) for field in form.fields],
        "boxes": boxes,
        "captcha": captcha,
    }


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


def thanks_page(form: Form) -> str:
    return _templates.get_template("thanks.html").render(form=form)


def headers_of(form: Form) -> dict[str, str]:
    """What the page may load and who may frame it. A post may end on an allowed return page."""
    ancestors = " ".join(form.frame_ancestors) or "'none'"
    targets = " ".join({"'self'": 1} | {origin: 1 for url in form.return_urls if (origin := origin_of(url))})
    policy = f"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action {targets}; frame-ancestors {ancestors}"
    if form.captcha:
        host = f"https://{urlsplit(SCRIPTS[form.captcha.provider][0]).hostname}"
        hosts = f"{host} https://*.hcaptcha.com" if form.captcha.provider == "hcaptcha" else host
        policy += f"; script-src {hosts}; frame-src {hosts}; connect-src {hosts}"
    framed = {"X-Frame-Options": "SAMEORIGIN"} if form.frame_ancestors else {}
    return {"Content-Security-Policy": policy, **framed}
