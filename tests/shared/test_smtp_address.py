"""Where mail goes is read the same by every service."""

import pytest

from services.followup.settings import Settings
from shared.smtp_address import read_smtp_address


@pytest.mark.parametrize(("scheme", "port"), [("smtp", 25), ("smtp+starttls", 587), ("smtps", 465)])
def test_each_way_to_encrypt_has_its_port(scheme: str, port: int) -> None:
    found = read_smtp_address(f"{scheme}://user:pass%2Fword@mail.example.com")
    assert (found.scheme, found.host, found.port) == (scheme, "mail.example.com", port)
    assert (found.user, found.password) == ("user", "pass/word")
    assert read_smtp_address(f"{scheme}://mail.example.com:2525").port == 2525


def test_followup_does_not_start_with_what_is_none() -> None:
    with pytest.raises(ValueError, match="a relay's address is"):
        Settings(smtp_url="mail.example.com:587")
