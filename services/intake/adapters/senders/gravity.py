"""Gravity Forms: an entry, its fields by number ("1.3" is the first name of field 1) or by names its owner mapped."""

import re
from typing import Any

from services.intake.adapters.senders.described import ticked_box
from services.intake.adapters.senders.post import Heard, Post, Reading, Values
from services.intake.domain.aliases import guess

_BOOKKEEPING = """
id post_id date_created date_updated is_starred is_read ip user_agent currency payment_status payment_date payment_amount
payment_method transaction_id is_fulfilled created_by transaction_type status source_id submission_speeds
"""
BOOKKEEPING = set(_BOOKKEEPING.split())
NAME = {"2": "prefix", "3": "first_name", "4": "middle_name", "6": "last_name", "8": "suffix"}
ADDRESS = {"1": "street", "2": "street_2", "3": "city", "4": "state", "5": "postal_code", "6": "country"}


def gravity(values: Values, post: Post) -> Heard:
    groups: dict[str, dict[str, Any]] = {}
    told: Values = {}
    for key, value in values.items():
        if value in ("", None):
            continue
        if found := re.fullmatch(r"(\d+)\.(\d+)", key):
            groups.setdefault(found[1], {})[found[2]] = value
        elif key not in BOOKKEEPING:
            told[key] = value
    for number, parts in groups.items():
        _read_group(number, parts, told)
    entry = values.get("id")
    if entry:
        told["external_id"] = str(entry)
    held = "marked as spam by the sender" if values.get("status") == "spam" else None
    return Heard([Reading(guess(told), str(entry) if entry else None, held)])


def _read_group(number: str, parts: dict[str, Any], told: Values) -> None:
    """Which kind of field it is shows in the parts it has."""
    if {"3", "6"} <= set(parts) and "1" not in parts and "5" not in parts:
        told.update({NAME.get(part, f"name_{part}"): value for part, value in parts.items()})
    elif {"1", "5"} <= set(parts):
        told.update({ADDRESS.get(part, f"address_{part}"): value for part, value in parts.items()})
    elif set(parts) == {"1", "2", "3"}:  # a consent: ticked, its words, the revision of the words
        if consent := ticked_box(str(parts["2"]), True):
            told.setdefault("consents", []).append(consent)
        told[str(parts["2"])] = parts["1"]
    elif list(parts) in (["3"], ["6"]):
        told.update({NAME[part]: value for part, value in parts.items()})
    else:
        told[number] = list(parts.values())
