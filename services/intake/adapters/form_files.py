"""A form as its owner writes it down (TOML), read strictly: every mistake is a sentence."""

import dataclasses
import hashlib
import re
import tomllib
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from phonenumbers import SUPPORTED_REGIONS
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, model_validator

from services.intake.domain import forms
from services.intake.domain.aliases import TRANSPORT
from services.intake.domain.submissions import ATTRIBUTION, RESERVED

_NAME = r"^[A-Za-z][A-Za-z0-9_.-]{0,99}$"
_DEFAULT_PORTS = {"https": 443, "http": 80}
Text = Annotated[str, Field(min_length=1, max_length=2000)]
SENTENCES = {
    "phone": ("Please enter your phone number.", "This isn't a valid phone number."),
    "email": ("Please enter your email address.", "This isn't a valid email address."),
    "selection": ("Please make a selection.", "Please make a selection."),
}


class FormRefused(ValueError):
    """The form cannot be used as it is written; each reason is a sentence."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


def origin_of(url: str) -> str | None:
    """scheme://host[:port] of an address a browser may be sent to, as browsers write it, or None."""
    if re.search(r"[\x00-\x20\x7f\\]", url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
        host = _ascii(parts.hostname or "")
    except ValueError:
        return None
    local = host in ("localhost", "127.0.0.1")
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        return None
    if not host or parts.username is not None or parts.password is not None:
        return None
    return f"{parts.scheme}://{host}{f':{port}' if port and port != _DEFAULT_PORTS[parts.scheme] else ''}"


def _ascii(host: str) -> str:
    """An international name as browsers send it. One that they and this codec write differently (ß) is none."""
    found = host.encode("idna")
    if not host.isascii() and found.decode("idna") != host:
        raise ValueError(host)
    return found.decode()


def is_bare(url: str) -> bool:
    """An origin and no page of it."""
    return bool(re.fullmatch(r"[^/?#]+//[^/?#]+/?", url))


def _origin(value: str) -> str:
    if (origin := origin_of(value)) is None or not is_bare(value):
        raise ValueError("an origin is https://host or https://host:port, without a path")
    return origin


def _address(value: str) -> str:
    if origin_of(value) is None:
        raise ValueError("a return address is a full https address")
    return value


def _region(value: str, told: ValidationInfo) -> str:
    if (told.context or {}).get("new") and value not in SUPPORTED_REGIONS:
        raise ValueError(f"`{value}` is no country of phone numbers: please write for example US, DE or GB (not UK)")
    return value


Origin = Annotated[str, AfterValidator(_origin)]
Address = Annotated[str, AfterValidator(_address)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ChoiceSpec(_Strict):
    value: Text
    label: Text


TAKEN = (
    dict.fromkeys(RESERVED, "means something to intake itself, so the answer would be lost")
    | dict.fromkeys(ATTRIBUTION, "says where a person came from, so the answer would be read as that")
    | dict.fromkeys(TRANSPORT, "is what form services send along, so it is no answer")
)


def _free(name: str, told: ValidationInfo) -> str:
    """Only of a form that is new: one that is stored already goes on as it is."""
    new, ours = (told.context or {}).get("new"), name.lower()
    if new and name in TAKEN:
        raise ValueError(f"`{name}` {TAKEN[name]}; please give the field another name")
    if new and name != ours and ours in forms.LIMITS:
        raise ValueError(f"`{name}` would be an answer nobody checks; please write `{ours}`")
    return name


class FieldSpec(_Strict):
    name: Annotated[str, Field(pattern=_NAME), AfterValidator(_free)]
    label: Text
    required: bool = False
    missing: str = ""
    invalid: str = ""
    choices: list[ChoiceSpec] = Field(default=[], max_length=100)
    lines: bool = False

    def read(self) -> forms.Field:
        missing, invalid = SENTENCES.get(self.name, (f"{self.label}: please answer this.", f"{self.label}: please choose one."))
        return forms.Field(
            self.name,
            self.label,
            required=self.required,
            missing=self.missing or missing,
            invalid=self.invalid or invalid,
            choices=tuple(forms.Choice(one.value, one.label) for one in self.choices),
            lines=self.lines or self.name == "message",
        )


class ConsentSpec(_Strict):
    name: Annotated[str, Field(pattern=_NAME)]
    channel: Literal["email", "sms", "phone"]
    purpose: Text | None = None
    text: Text
    version: Text
    seller: str = Field(default="", max_length=200)
    checked: bool = False

    @model_validator(mode="after")
    def _starts_empty(self) -> Self:
        if self.checked:
            raise ValueError("a consent box must not be ticked beforehand: a box left ticked is no consent")
        return self

    def read(self) -> forms.ConsentBox:
        digest = hashlib.sha256(self.text.encode()).hexdigest()
        return forms.ConsentBox(self.name, self.channel, self.purpose, self.text, self.version, digest, self.seller)


class CaptchaSpec(_Strict):
    provider: Literal["turnstile", "hcaptcha"]
    site_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,200}$")]
    on_outage: Literal["quarantine", "accept", "reject"] = "quarantine"


Said = Annotated[str, Field(min_length=1, max_length=300)]
TEXTS = [one.name for one in dataclasses.fields(forms.Texts)]


class FormSpec(_Strict):
    """The definition, as it is stored."""

    key: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    title: Text
    fields: list[FieldSpec] = Field(min_length=1, max_length=50)
    one_of: list[str] = []
    consents: list[ConsentSpec] = Field(default=[], max_length=20)
    origins: list[Origin] = Field(default=[], max_length=50)
    require_origin: bool = False
    return_urls: list[Address] = Field(default=[], max_length=50)
    frame_ancestors: list[Origin] = Field(default=[], max_length=50)
    region: Annotated[str, AfterValidator(_region)] | None = None
    language: Annotated[str, Field(pattern="^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*$")] = "en"
    texts: dict[str, Said] = {}
    require_key: bool = False
    captcha: CaptchaSpec | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names = [one.name for one in self.fields]
        if len(set(names)) < len(names) or len({one.name for one in self.consents}) < len(self.consents):
            raise ValueError("each field and each consent needs a name of its own")
        if not {"email", "phone"} & set(names):
            raise ValueError("a form asks for an email or a phone: without one nobody can answer")
        if set(self.one_of) - set(names):
            raise ValueError("one_of names fields of the form")
        if unknown := sorted(set(self.texts) - set(TEXTS)):
            raise ValueError(f"texts.{unknown[0]} is not said anywhere: there are {', '.join(TEXTS)}")
        return self

    def read(self, version: int = 1, earlier: tuple[forms.ConsentBox, ...] = ()) -> forms.Form:
        return forms.Form(
            self.key,
            self.title,
            tuple(one.read() for one in self.fields),
            one_of=tuple(self.one_of),
            consents=tuple(one.read() for one in self.consents),
            origins=tuple(self.origins),
            require_origin=self.require_origin,
            return_urls=tuple(self.return_urls),
            frame_ancestors=tuple(self.frame_ancestors),
            region=self.region,
            language=self.language,
            texts=forms.Texts(**self.texts),
            require_key=self.require_key,
            captcha=forms.Captcha(**self.captcha.model_dump()) if self.captcha else None,
            version=version,
            earlier=earlier,
        )


def read_definition(definition: dict[str, Any], *, new: bool = False) -> FormSpec:
    try:
        return FormSpec.model_validate(definition, context={"new": new})
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        raise FormRefused([f"{'.'.join(map(str, one['loc'])) or 'form'}: {_sentence(one)}." for one in found]) from error


def read_stored(definition: dict[str, Any], version: int, earlier_consents: list[dict[str, Any]]) -> forms.Form:
    """A form of our database, with the consent boxes it had before, the latest first."""
    earlier = tuple(ConsentSpec.model_validate(one).read() for one in reversed(earlier_consents))
    return read_definition(definition).read(version, earlier)


def read_file(text: str) -> FormSpec:
    try:
        return read_definition(tomllib.loads(text), new=True)
    except tomllib.TOMLDecodeError as error:
        raise FormRefused([f"The file is not valid TOML: {error}."]) from error


def _sentence(error: Any) -> str:
    return str(error["msg"]).removeprefix("Value error, ").rstrip(".")
