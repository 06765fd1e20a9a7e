"""Phone numbers as people write them, to E.164; and where a number is from."""

import tomllib
from functools import lru_cache
from importlib import metadata, resources
from pathlib import Path
from zoneinfo import ZoneInfo

import phonenumbers
from phonenumbers import timezone

from services.followup.adapters.calendar_data import name_of
from services.followup.domain.windows import NumberPlace

FILE = Path(__file__).parent.parent / "data" / "area_codes.toml"
UNKNOWN = "Etc/Unknown"
NOWHERE = ("ZZ", "001")  # no country code, and one of no country


def e164(text: str, country: str) -> str | None:
    """None where it is no number that can exist."""
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@lru_cache(maxsize=10_000)
def number_place(phone: str, country: str, *, zone_is_known: bool) -> NumberPlace:
    """Where a number says its owner is. Where neither it nor anybody tells their zone, they may be anywhere in its country."""
    try:
        number = phonenumbers.parse(phone, country)
    except phonenumbers.NumberParseException:
        number = phonenumbers.PhoneNumber()
    by_code = phonenumbers.region_code_for_country_code(number.country_code or 0)
    home = phonenumbers.region_code_for_number(number) or (country if by_code in NOWHERE else by_code)
    zones: tuple[str, ...] = ()
    if phonenumbers.is_number_geographical(number):
        zones = tuple(zone for zone in timezone.time_zones_for_number(number) if zone != UNKNOWN)
    if not zones and not zone_is_known:
        zones = _zones_of().get(home, ())
    region = _regions()[0].get(int(str(number.national_number)[:3])) if number.country_code == 1 else None
    return NumberPlace(home, region, tuple(ZoneInfo(zone) for zone in zones))


def numbers_version() -> str:
    """What the places of numbers are worked out from."""
    return f"{metadata.version('phonenumbers')}/{_regions()[1]}"


@lru_cache(maxsize=1)
def _regions() -> tuple[dict[int, str], str]:
    text = FILE.read_text()
    found = tomllib.loads(text)
    name = name_of(found.pop("version"), text)
    return {code: region for regions in found.values() for region, codes in regions.items() for code in codes}, name


@lru_cache(maxsize=1)
def _zones_of() -> dict[str, tuple[str, ...]]:
    """Every zone of every country, as the zone data lists them."""
    found: dict[str, tuple[str, ...]] = {}
    for line in resources.files("tzdata").joinpath("zoneinfo", "zone.tab").read_text().splitlines():
        if not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            found[country] = (*found.get(country, ()), zone)
    return found
