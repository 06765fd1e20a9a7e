"""What a form asks, and what is wrong with an answer: a form is data, its sentences are part of it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from services.intake.domain.names import parts_of

LIMITS = {  # the fields every form shares; all others are answers
    "first_name": 200,
    "last_name": 200,
    "phone": 50,
    "email": 320,
    "postal_code": 20,
    "selection": 200,
    "message": 5000,
}
SELECTIONS = ("emergency", "estimate", "maintenance", "question")
MAX_ANSWER = 5000
BOX = "_consent_"
UNTICKED = {"", "no", "off", "false", "0", "none"}
_MARK = re.compile("[0-9a-f]{16}")
_FORBIDDEN = re.compile("[\x00-\x1f\x7f\u2028\u2029]")  # in one-line fields: a line break would reach a mail header


@dataclass(frozen=True, slots=True)
class Choice:
    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Field:
    """One question. `missing` and `invalid` are the sentences it answers with."""

    name: str
    label: str
    required: bool = False
    missing: str = ""
    invalid: str = ""
    choices: tuple[Choice, ...] = ()  # none: any text
    lines: bool = False  # whether the answer may have several lines

    @property
    def limit(self) -> int:
        return LIMITS.get(self.name, MAX_ANSWER)


@dataclass(frozen=True, slots=True)
class ConsentBox:
    """A box to tick, in the words shown. It is never ticked beforehand."""

    name: str
    channel: str
    purpose: str | None
    text: str
    version: str
    sha256: str
    seller: str = ""

    @property
    def mark(self) -> str:
        """What the box posts: the name of its words, so that they are known when the form has others."""
        return self.sha256[:16]


@dataclass(frozen=True, slots=True)
class Captcha:
    """Whose puzzle the form shows. `on_outage`: quarantine, accept or reject while the provider does not answer."""

    provider: str
    site_key: str
    on_outage: str = "quarantine"


@dataclass(frozen=True, slots=True)
class Texts:
    """What the page itself says; a form in another language says it in that one. {label} and {limit} are filled in."""

    problem: str = "There is a problem"
    error: str = "Error"
    optional: str = "optional"
    send: str = "Send"
    thanks: str = "Thank you. We have your message."
    thanks_more: str = "It is with our team now, and somebody will be in touch with you soon."
    failed: str = "This could not be sent. Please try again in a minute."
    one_of: str = "Please give an email address or a phone number."
    no_text: str = "{label}: please send text."
    too_long: str = "{label}: please use at most {limit} characters."
    invisible: str = "{label}: please remove the invisible characters."
    one_line: str = "{label}: please use one line without control characters."

    def about(self, sentence: str, field: Field) -> str:
        return sentence.replace("{label}", field.label).replace("{limit}", str(field.limit))


@dataclass(frozen=True, slots=True)
class Form:
    """A form as its owner described it."""

    key: str
    title: str
    fields: tuple[Field, ...]
    one_of: tuple[str, ...] = ()  # at least one of these must be given
    consents: tuple[ConsentBox, ...] = ()
    earlier: tuple[ConsentBox, ...] = ()  # boxes of earlier versions, the latest first
    origins: tuple[str, ...] = ()  # sites whose pages may post; none: all
    require_origin: bool = False
    return_urls: tuple[str, ...] = ()
    frame_ancestors: tuple[str, ...] = ()
    region: str | None = None  # for phone numbers without a country; None: the installation's
    language: str = "en"
    texts: Texts = Texts()
    require_key: bool = False
    captcha: Captcha | None = None
    version: int = 1

    @property
    def own_names(self) -> set[str]:
        return {field.name for field in self.fields}

    @property
    def selections(self) -> set[str]:
        return {choice.value for field in self.fields if field.name == "selection" for choice in field.choices}


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
    for field in form.fields:
        name, value = field.name, values.get(field.name)
        text = value.strip() if isinstance(value, str) else value
        if text is None or text == "":
            if field.required:
                errors.append(FieldError(name, "required", field.missing))
            continue
        if name not in LIMITS and isinstance(value, list | bool | int | float):
            continue  # boxes ticked and numbers sent as such: an answer as it came
        error = _check_text(field, text, form.texts)
        if error is None:
            normalised = _normalise(field, text, phone, email)
            if normalised is None:
                error = FieldError(name, "invalid", field.invalid or field.missing)
            elif name in LIMITS:
                fields[name] = normalised
            elif name == "name" and not field.lines:  # an answer, and in its parts who to ask for
                fields = {part: said[: LIMITS[part]] for part, said in parts_of(normalised).items()} | fields
        if error is not None:
            errors.append(error)
    if form.one_of and not errors and not any(name in fields for name in form.one_of):
        errors.append(FieldError(form.one_of[0], "required", form.texts.one_of))
    return fields, errors


def _normalise(field: Field, value: str, phone: Normalise, email: Normalise) -> str | None:
    if field.name == "phone":
        return phone(value)
    if field.name == "email":
        return email(value)
    if field.choices and all(value != choice.value for choice in field.choices):
        return None
    if field.name == "selection" and value.lower() in SELECTIONS:
        return value.lower()  # an "Emergency" is one
    return value


def _check_text(field: Field, text: Any, say: Texts) -> FieldError | None:
    name = field.name
    special = field.invalid if name in ("phone", "email") else ""
    if not isinstance(text, str):
        return FieldError(name, "type", special or say.about(say.no_text, field))
    if len(text) > field.limit:
        return FieldError(name, "too_long", say.about(say.too_long, field))
    if field.lines:
        return FieldError(name, "characters", say.about(say.invisible, field)) if "\x00" in text else None
    if _FORBIDDEN.search(text):
        return FieldError(name, "invalid" if special else "characters", special or say.about(say.one_line, field))
    return None


def box_ticked(form: Form, name: str, value: Any) -> ConsentBox | None:
    """The box in the words that were shown, or None. Who says only yes (a form made by hand) means the present words."""
    said = _said_of(value)
    if said.lower() in UNTICKED:
        return None
    if not _MARK.fullmatch(said):
        return next((box for box in form.consents if box.name == name), None)
    return next((box for box in (*form.consents, *form.earlier) if box.name == name and box.mark == said), None)


def ticked_boxes(form: Form, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The consents a post gives. A box left empty says nothing, neither yes nor no."""
    boxes = [box_ticked(form, name.removeprefix(BOX), value) for name, value in values.items() if name.startswith(BOX)]
    return [
        {
            "channel": box.channel,
            "purpose": box.purpose,
            "granted": True,
            "text": box.text,
            "version": box.version,
            "checkbox": box.name,
            "seller": box.seller,
        }
        for box in boxes
        if box
    ]


def unknown_boxes(form: Form, values: Mapping[str, Any]) -> dict[str, Any]:
    """Ticked, but nobody knows in which words: no consent. It stays as an answer."""
    ticked = {name: value for name, value in values.items() if name.startswith(BOX) and _said_of(value).lower() not in UNTICKED}
    return {name[1:101]: value for name, value in ticked.items() if not box_ticked(form, name.removeprefix(BOX), value)}


def _said_of(value: Any) -> str:
    """Of a box after a hidden field of the same name the box counts: it comes last."""
    return _said_of(value[-1] if value else "") if isinstance(value, list) else str(value).strip()
