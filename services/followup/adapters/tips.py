"""Seasonal tips by trade and month: something worth doing this month, not an offer."""

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent.parent / "data" / "tips.toml"
ANY_TRADE = "home"


@lru_cache(maxsize=1)
def tips() -> dict[str, dict[str, dict[str, Any]]]:
    return tomllib.loads(FILE.read_text())


def tip_of(trade: str, month: int) -> dict[str, Any]:
    """The trade's own tip of the month; for a trade we have none of, one for every home."""
    found = tips().get(trade.casefold().strip()) or tips()[ANY_TRADE]
    return found[f"{month:02}"]
