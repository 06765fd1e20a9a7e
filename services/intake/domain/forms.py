"""What a form asks, and what is wrong with an answer: a form is data, its sentences are part of it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

SELECTIONS = ("emergency", "estimate", "maintenance", "question")
LABELS = {
    "first_name": "First name",
    "last_name": "Last name",
    "phone": "Phone number",
    "email": "Email address",
    "postal_code": "Postal code",
    "selection": "How can we help?",
    "message": "Message",
}
MISSING = {
    "first_name": "Please enter your first name.",
    "last_name": "Please enter your last name.",
    "phone": "Please enter your phone number.",
    "email": "Please enter your email address.",
    "selection": "Please make a selection.",
    "message": "Please enter a message.",
}
INVALID = {"phone": "This isn't a valid phone number.", "email": "This isn't a valid email address."}
LIMITS = {
    "first_name": 200,
    "last_name": 200,
    "phone": 50,
    "email": 320,
    "postal_code": 20,
    "selection": 200,
    "message": 5000,
}
_FORBIDDEN = re.compile("[\x00-\x1f\x7f\u2028\u2029]")  # in one-line fields: a line break would reach a mail header


@dataclass(frozen=True, slots=True)
class Form:
    """Which fields a form requires, and whether its selection is closed."""

    key: str
    title: str
    required: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()  # at least one of these must be given
    closed_selection: bool = False
    return_hosts: tuple[str, ...] = ()


FORMS = {
    form.key: form
    for form in (
        Form("contact", "How can we help?", tuple(MISSING), closed_selection=True),
        Form("api", "Leads from software", one_of=("email", "phone")),
    )
}


@dataclass(frozen=True, slots=True)
class FieldError:
    field: str
    code: str
    detail: str


Normalise = Callable[[str], str | None]


def check_fields(
    form: Form, values: Mapping[str, Any], *, phone: Normalise, email: Normalise
) -> tuple[dict[str, str], list[FieldError]]:
    """The fields, trimmed and normalised, and every error, in the order of the form."""
    fields: dict[str, str] = {}
    errors: list[FieldError] = []
    for name in LABELS:
        value = values.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            if name in form.required:
                errors.append(FieldError(name, "required", MISSING[name]))
        elif error := _check_text(name, value):
            errors.append(error)
        else:
            fields[name] = value.strip()
    for name, normalise in (("phone", phone), ("email", email)):
        if name in fields:
            normal = normalise(fields[name])
            if normal is None:
                errors.append(FieldError(name, "invalid", INVALID[name]))
            else:
                fields[name] = normal
    if form.closed_selection and fields.get("selection", SELECTIONS[0]) not in SELECTIONS:
        errors.append(FieldError("selection", "invalid", MISSING["selection"]))
    if form.one_of and not errors and not any(name in fields for name in form.one_of):
        errors.append(FieldError("email", "required", "Please give an email address or a phone number."))
    order = list(LABELS)
    return fields, sorted(errors, key=lambda error: order.index(error.field))


def _check_text(name: str, value: Any) -> FieldError | None:
    label = LABELS[name]
    if not isinstance(value, str):
        if name in INVALID:
            return FieldError(name, "type", INVALID[name])
        return FieldError(name, "type", f"{label}: please send text.")
    if len(value) > LIMITS[name]:
        return FieldError(name, "too_long", f"{label}: please use at most {LIMITS[name]} characters.")
    if name == "message":
        return FieldError(name, "characters", f"{label}: please remove the invisible characters.") if "\x00" in value else None
    if _FORBIDDEN.search(value.strip()):
        if name in INVALID:
            return FieldError(name, "invalid", INVALID[name])
        return FieldError(name, "characters", f"{label}: please use one line without control characters.")
    return None
