"""The hash of a decision: the domain's own, by a JSON writer that takes a tenth of the time."""

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson


def sealed(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record with its hash: see domain.record.hash_of_record."""
    return {**record, "hash": hashlib.sha256(orjson.dumps(record, option=orjson.OPT_SORT_KEYS)).hexdigest()}
