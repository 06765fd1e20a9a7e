"""Phones to E.164 and emails to their bare form. The fast paths only accept; every doubt goes to the library."""

import re
from functools import lru_cache

import email_validator
import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata

_NANP_SHAPE = re.compile(r"(?:\+1|1)?[ .-]?(?:\((\d{3})\)|(\d{3}))[ .-]?(\d{3})[ .-]?(\d{4})", re.ASCII)
_MORE_THAN_DIGITS = re.compile(r"[^0-9 ()+./-]")
_EMAIL_SHAPE = re.compile(
    r"[a-z0-9]+(?:[._+-][a-z0-9]+)*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+(?:com|net|org|edu|gov|us|io|co|biz|info)",
    re.ASCII | re.IGNORECASE,
)


@lru_cache
def _us_geographic() -> re.Pattern[str]:
    """The library's own pattern of geographic US numbers, so that the fast path can only agree with it."""
    metadata = PhoneMetadata.metadata_for_region("US")
    pattern = metadata.fixed_line.national_number_pattern if metadata and metadata.fixed_line else None
    return re.compile(pattern or "(?!)", re.ASCII)


def e164(phone: str, region: str = "US") -> str | None:
    """The number as E.164, or None where it is not one that can exist."""
    if region == "US" and (found := _NANP_SHAPE.fullmatch(phone)):
        digits = "".join(part for part in found.groups() if part)
        if _us_geographic().fullmatch(digits):
            return f"+1{digits}"
    try:
        number = phonenumbers.parse(phone, region)
    except NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def extension_of(phone: str, region: str) -> str | None:
    """What is dialled once the number answers: E.164 has no place for it. `phone` is a number that e164 took."""
    return phonenumbers.parse(phone, region).extension if _MORE_THAN_DIGITS.search(phone) else None


def parts_of(number: str) -> tuple[str, str]:
    """Of an E.164 number the country's code, and the digits dialled within the country."""
    parsed = phonenumbers.parse(number)
    return str(parsed.country_code), phonenumbers.national_significant_number(parsed)


def bare_email(address: str) -> str | None:
    """The address, its domain in lower case, or None where mail cannot be sent to it."""
    if len(address) <= 60 and _EMAIL_SHAPE.fullmatch(address):
        local, _, domain = address.rpartition("@")
        return f"{local}@{domain.lower()}"
    try:
        return email_validator.validate_email(address, check_deliverability=False).normalized
    except email_validator.EmailNotValidError:
        return None
