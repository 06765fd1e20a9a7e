"""Gravity Forms: an entry, its fields by number ("1.3" is the first name of field 1) or by names its owner mapped."""

import re
from typing import Any

from services.intake.adapters.senders.described import TICKED, ticked_box
from services.intake.adapters.senders.post import Heard, Post, Reading, Values
from services.intake.domain.aliases import guess

_BOOKKEEPING = """
id post_id date_created date_updated is_starred is_read ip user_agent currency payment_status payment_date payment_amount
payment_method transaction_id is_fulfilled created_by transaction_type status source_id submission_speeds
"""
BOOKKEEPING = set(_BOOKKEEPING.split())
NAME = {"2": "prefix", "3": "first_name", "4": "middle_name", "6": "last_name", "8": "suffix"}
ADDRESS = {"1": "street", "2": "street_2", "3": "city", "4": "state", "5": "postal_code", "6": "country"}
_POSTAL_CODE = re.compile(r"(?=.*\d)(?!.*[^\W\d]{4})[\w -]{3,10}")  # no words


def gravity(values: Values, post: Post) -> Heard:
    groups: dict[str, dict[str, Any]] = {}
    told: Values = {}
    for key, value in values.items():
        if found := re.fullmatch(r"(\d+)\.(\d+)", key):
            groups.setdefault(found[1], {})[found[2]] = value
        elif key not in BOOKKEEPING and value not in ("", None):
            told[key] = value
    for number, parts in groups.items():
        _read_group(number, parts, told)
    entry = values.get("id")
    if entry:
        told["external_id"] = str(entry)
    held = "marked as spam by the sender" if values.get("status") == "spam" else None
    return Heard([Reading(guess(told), str(entry) if entry else None, held)])


def _read_group(number: str, given: dict[str, Any], told: Values) -> None:
    """Which kind of field it is shows in the parts it has, empty ones too: the boxes of a question are numbered from 1."""
    parts = {part: value for part, value in given.items() if value not in ("", None)}
    if _is_name(given, told):
        told.update({NAME[part]: value for part, value in parts.items()})
    elif parts.keys() <= ADDRESS.keys() and parts.keys() >= {"1", "5"} and _POSTAL_CODE.fullmatch(str(parts["5"])):
        told.update({ADDRESS[part]: value for part, value in parts.items()})
    elif _is_consent(parts):
        if consent := ticked_box(str(parts["2"]), True):
            told.setdefault("consents", []).append(consent)
        told[str(parts["2"])] = parts["1"]
    elif parts:
        told[number] = list(parts.values())


def _is_name(given: dict[str, Any], told: Values) -> bool:
    """One name: where empty parts are left out, a third box that is ticked looks like another."""
    return given.keys() <= NAME.keys() and bool(given.keys() & {"3", "6"}) and not told.keys() & {"first_name", "last_name"}


def _is_consent(parts: dict[str, Any]) -> bool:
    """Ticked, its words, the revision of the words."""
    return parts.keys() == {"1", "2", "3"} and str(parts["1"]).lower() in TICKED and str(parts["3"]).isdigit()
