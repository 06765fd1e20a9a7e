"""What others call our fields: your-email, PHONE_NUMBER, "Phone number", q4_email. What nobody knows stays as it came."""

import re
from collections.abc import Container, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from services.intake.domain.forms import BOX
from services.intake.domain.names import NAME_PARTS, parts_of
from services.intake.domain.submissions import ATTRIBUTION

NAMES = {
    "first_name": "first_name firstname first fname given_name forename name_first first_names vorname prenom",
    "last_name": "last_name lastname last lname surname family_name name_last nachname nom",
    "name": "name full_name fullname customer_name contact_name caller_name person_name name_full customername",
    "email": "email e_mail mail email_address emailaddress e_mail_address mail_address contact_email customer_email replyto "
    "reply_to work_email user_email email_id",
    "phone": "phone tel telephone mobile cell phone_number phonenumber telephone_number mobile_number mobile_phone cell_phone "
    "mobilephone cellphone contact_number contact_phone customer_phone customer_phone_number caller_number work_phone home_phone "
    "user_phone phone_no phone_mobile",
    "postal_code": "postal_code postalcode zip zipcode zip_code postcode post_code plz customer_zip",
    "selection": "selection",
    "message": "message comments comment description enquiry inquiry notes note body content text your_question question "
    "details more_details additional_information tell_us tell_us_more",
}
ALIASES = {alias: name for name, aliases in NAMES.items() for alias in aliases.split()}
TOKENS = {"email": ("email", "e_mail"), "phone": ("phone", "telephone", "mobile", "tel"), "postal_code": ("zip", "postcode")}
NEEDS = ("selection", "service", "need", "help", "request", "reason", "topic", "subject", "interest", "what")
TRANSPORT = {"oid", "retURL", "return_url", "form-name", "debug", "debugEmail"}
PAGES = ("page_url", "pageUri", "page_uri", "source_url", "landing_page_url", "landing_page", "url", "page", "_page")
CLICK = "gcl_id"  # as Google's lead forms call the click
TICKS = {"yes", "no", "on", "off", "true", "false", "1", "0"}
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PREFIX = re.compile(r"^(?:q\d+|your|my|the|fields?|please_enter_your|enter_your|what_is_your|what_s_your)_")
_PHONE_LIKE = re.compile(r"\+?[\d\s().\-/x]{7,25}", re.ASCII)
_DATE = re.compile(r"\d{4}([-/.])\d{1,2}\1\d{1,2}|\d{1,2}([-/.])\d{1,2}\2(\d{4}|\d\d)", re.ASCII)
_CODE_LIKE = re.compile(r"(?=.*\d).{1,20}")
_EMAIL_LIKE = re.compile(r"[^\s@,;<>]+@[^\s@,;<>]+\.[^\s@,;<>]+")


def plain(name: str) -> str:
    """A field's name as one would say it: lower case, words joined by underscores, no "your"."""
    words = re.sub(r"[^a-z0-9]+", "_", _CAMEL.sub("_", name).lower()).strip("_")
    return _PREFIX.sub("", words)


def canonical(values: Mapping[str, Any], *, own: Container[str] = (), selections: Container[str] = ()) -> dict[str, Any]:
    """The same values under our names. `own` are names the form itself uses: they mean what they say."""
    found: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for key, value in values.items():
        if key in NAMES and (key != "name" or key in own):
            found[key] = _text(value)
    for key, value in values.items():
        if (key in TRANSPORT and key not in own) or key in found:
            continue
        alias = None if key in own else ALIASES.get(plain(key))
        if alias is not None and alias not in found and _fits(alias, value):
            found[alias] = _text(value)
        else:
            rest[key] = value
    for field, tokens in TOKENS.items():
        if field not in found:
            _take_by_word(field, tokens, rest, found, own)
    if "name" in own:
        _join_name(found, own)
    else:
        _split_name(found)
    if "selection" in own:
        _select(found, rest, selections)
    asked = {key: rest.pop(key) for key in list(rest) if key in own}
    _attribute(found, rest)
    return {**asked, **rest, **found}


def guess(values: Mapping[str, Any]) -> dict[str, Any]:
    """Where names say nothing (Gravity's "3"): an email and a phone are known by their looks, a message by its length.
    What has its name needs no guess, and what is called an id is neither."""
    found, ids = {}, {key: value for key, value in values.items() if plain(key).split("_")[-1] == "id"}
    rest = {key: value for key, value in values.items() if key not in ids}
    for field, looks in (("email", _EMAIL_LIKE), ("phone", _PHONE_LIKE)):
        like = [
            k for k, v in rest.items() if isinstance(v, str) and looks.fullmatch(v.strip()) and not _DATE.fullmatch(v.strip())
        ]
        if like and not values.get(field) and not any(looks.search(str(_text(v))) for v in _called(field, values)):
            found[field] = rest.pop(max(like, key=lambda k: (_has_word(k, TOKENS[field]), sum(map(str.isdigit, rest[k])) > 9)))
    if not any(isinstance(v, str) and v.strip() for v in _called("message", values)):
        texts = [k for k, v in rest.items() if isinstance(v, str) and len(v.split()) > 2 and not k.startswith("_")]
        if texts:
            found["message"] = rest.pop(max(texts, key=lambda k: len(rest[k])))
    return {**ids, **rest, **found}


def _called(field: str, values: Mapping[str, Any]) -> list[Any]:
    return [value for key, value in values.items() if ALIASES.get(plain(key)) == field]


def _fits(alias: str, value: Any) -> bool:
    """An alias is taken only by a value that can be one: "email": "yes" is a box, not an address."""
    text = _text(value)
    if not isinstance(text, str) or not text.strip():
        return alias == "name" and isinstance(value, dict)
    return text.strip().lower() not in TICKS


def _text(value: Any) -> Any:
    """Senders wrap: ["x"], {"full": "x"}, {"area": "419", "phone": "5552001"}, {"value": "x"}."""
    if isinstance(value, list) and len(value) == 1:
        return _text(value[0])
    if isinstance(value, dict):
        whole = value.get("full", value.get("value"))
        parts = [value[part] for part in ("country", "area", "phone") if isinstance(value.get(part), str)]
        return whole if isinstance(whole, str) else " ".join(parts) if len(parts) > 1 else value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


def _take_by_word(field: str, words: tuple[str, ...], rest: dict[str, Any], found: dict[str, Any], own: Container[str]) -> None:
    looks = {"email": _EMAIL_LIKE, "phone": _PHONE_LIKE, "postal_code": _CODE_LIKE}[field]
    for key, value in rest.items():
        text = _text(value)
        if key in own or key.startswith(BOX) or not isinstance(text, str) or not _has_word(key, words):
            continue
        if looks.fullmatch(text.strip()):
            found[field] = text
            del rest[key]
            return


def _has_word(key: str, words: tuple[str, ...]) -> bool:
    return any(f"_{word}_" in f"_{plain(key)}_" for word in words)


def _split_name(found: dict[str, Any]) -> None:
    whole = found.pop("name", None)
    for name, value in _parts(whole).items():
        if not found.get(name):
            found[name] = value


def _join_name(found: dict[str, Any], own: Container[str]) -> None:
    """The form asks the whole name in one field; the sender may have wrapped it, or told it in two."""
    if isinstance(whole := found.get("name"), dict):
        found["name"] = " ".join(_parts(whole).values()) or whole
    elif not whole:
        told = [found.pop(name) for name in NAME_PARTS if name not in own and isinstance(found.get(name), str)]
        if joined := " ".join(told).strip():
            found["name"] = joined


def _parts(whole: Any) -> dict[str, str]:
    if isinstance(whole, str):
        return parts_of(whole)
    if not isinstance(whole, dict):
        return {}
    parts = {f"{plain(str(key))}_name": value for key, value in whole.items() if isinstance(value, str)}
    return {name: parts[name] for name in NAME_PARTS if parts.get(name)}


def _select(found: dict[str, Any], rest: Mapping[str, Any], selections: Container[str]) -> None:
    """A question of what they need, answered with one of our selections; several answers: the first of ours."""
    if found.get("selection"):
        found["selection"] = _known(found["selection"], selections) or _text(found["selection"])
        return
    for key, value in rest.items():
        words = plain(key).split("_")
        says_nothing = not re.search("[a-z]", key, re.IGNORECASE)  # Gravity's "4"
        if (says_nothing or any(word in words for word in NEEDS)) and (choice := _known(value, selections)):
            found["selection"] = choice
            return


def _known(value: Any, selections: Container[str]) -> str | None:
    options = value if isinstance(value, list) else [value]
    texts = [one.strip().lower() for one in options if isinstance(one, str)]
    return next((text for text in texts if text in selections), None)


def _attribute(found: dict[str, Any], rest: dict[str, Any]) -> None:
    """utm_… and click ids, given as fields or in the address of the page the form was on."""
    given = dict(rest.pop("attribution")) if isinstance(rest.get("attribution"), dict) else {}
    if isinstance(click := rest.pop(CLICK, None), str) and click:
        given.setdefault("gclid", click)
    for key in PAGES:
        address = rest.get(key)
        if isinstance(address, str) and address.startswith(("http://", "https://")) and len(address) < 4000:
            given.setdefault("landing_page", address)
            rest.pop(key, None)
            for name, said in parse_qsl(_query(address)):
                if name in ATTRIBUTION:
                    given.setdefault(name, said)
    for name in ATTRIBUTION:
        if isinstance(value := rest.get(name), str) and value:
            given.setdefault(name, rest.pop(name))
    if given:
        found["attribution"] = given


def _query(address: str) -> str:
    try:
        return urlsplit(address).query
    except ValueError:
        return ""
