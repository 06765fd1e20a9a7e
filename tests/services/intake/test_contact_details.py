"""The fast paths may only agree with the libraries behind them."""

import email_validator
import phonenumbers
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.adapters.contact_details import bare_email, e164

DIGITS = st.text("0123456789", min_size=10, max_size=10)
SHAPES = ["{0}{1}{2}", "({0}) {1}-{2}", "{0}-{1}-{2}", "+1 {0} {1} {2}", "1{0}{1}{2}", "{0}.{1}.{2}", "+1{0}{1}{2}"]


def slow_phone(text: str) -> str | None:
    try:
        number = phonenumbers.parse(text, "US")
    except phonenumbers.NumberParseException:
        return None
    valid = phonenumbers.is_valid_number(number)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if valid else None


@settings(max_examples=1500, deadline=None)
@given(DIGITS, st.sampled_from(SHAPES))
def test_phones_agree_with_the_library(digits: str, shape: str) -> None:
    text = shape.format(digits[:3], digits[3:6], digits[6:])
    assert e164(text) == slow_phone(text)


LABEL = st.text("abcXYZ019-", min_size=1, max_size=8)
LOCAL = st.text("abcXYZ019._+-", min_size=1, max_size=12)


@settings(max_examples=1500, deadline=None)
@given(LOCAL, st.lists(LABEL, min_size=1, max_size=3), st.sampled_from(["com", "org", "net", "test", "x", "local", "io"]))
def test_emails_agree_with_the_library(local: str, labels: list[str], top: str) -> None:
    address = f"{local}@{'.'.join(labels)}.{top}"
    try:
        expected = email_validator.validate_email(address, check_deliverability=False).normalized
    except email_validator.EmailNotValidError:
        expected = None
    assert bare_email(address) == expected


def test_a_good_number_takes_the_form_of_the_world() -> None:
    assert e164("(419) 555-2001") == "+14195552001"
    assert e164("+49 30 901820") == "+4930901820"
    assert e164("12") is None
