"""Where a postal code is: the state or province whose law counts, in countries whose law differs by region."""

import re
import tomllib
from functools import lru_cache
from pathlib import Path

from services.followup.adapters.calendar_data import name_of

FILE = Path(__file__).parent.parent / "data" / "postal_codes.toml"
SHAPES = {
    "US": re.compile(r"([0-9]{3})[0-9]{2}(?:[- ]?[0-9]{4})?"),
    "CA": re.compile(r"([A-Z])[0-9][A-Z][ -]?[0-9][A-Z][0-9]"),
}


def region_of_code(postal_code: str | None, country: str) -> str | None:
    """None where it is no code of this country, or where its beginning does not say."""
    shape = SHAPES.get(country)
    found = shape.fullmatch(postal_code.strip().upper()) if shape and postal_code else None
    return _regions()[0].get((country, found[1])) if found else None


def postal_codes_version() -> str:
    """What the regions of postal codes are worked out from."""
    return _regions()[1]


@lru_cache(maxsize=1)
def _regions() -> tuple[dict[tuple[str, str], str], str]:
    text = FILE.read_text()
    data = tomllib.loads(text)
    zips = {
        ("US", f"{number:03}"): region
        for region, spans in data["US"].items()
        for first, last in spans
        for number in range(first, last + 1)
    }
    letters = {("CA", letter): region for region, found in data["CA"].items() for letter in found}
    return zips | letters, name_of(data["version"], text)
