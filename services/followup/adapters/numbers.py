"""Phone numbers as people write them, to E.164."""

import phonenumbers


def e164(text: str, country: str) -> str | None:
    """None where it is no number that can exist."""
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
