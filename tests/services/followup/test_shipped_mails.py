"""Every mail that ships, as it goes over the wire: what RFC 5322, 2045, 2047, 8058 and the big mailbox providers ask."""

import email
import email.policy
import re
from datetime import UTC, date, datetime, timedelta
from email.header import decode_header, make_header
from typing import Any
from uuid import UUID

import pytest

from services.followup.adapters.rendering import LINKS, render, shipped_templates
from services.followup.adapters.verp import Verp
from services.followup.domain.replies import wish_of
from services.followup.use_cases.messages import facts_of
from services.followup.use_cases.sending.compose import Composer
from shared.agreement import Company
from shared.signing import Signer

NOW = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
BASE = "https://maple.example"
COMPANY = Company(
    name="Maple & Söhne", postal_address="12 Elm St, Toledo OH 43604", sender="Maple & Söhne <hello@mail.maple.example>"
)
CONTACT = {"first_name": 'Zoë "Z" <O’Neill>, 李', "last_name": "x" * 80, "email": "ada@example.net", "phone": "+14195550134"}
ID = UUID(int=7)
TEMPLATES = shipped_templates()
URL = re.compile(r"https?://[^\s\"'<>)]+")


def wire(name: str, at: datetime = NOW) -> bytes:
    links = {link: f"{BASE}/u/{link.partition('_')[0]}.abc" for link in LINKS}
    touch = {"id": ID, "channel": "email", "purpose": "marketing", "plan": "after-unit", "step": name}
    anchors = {"day": "2026-11-24", "trade": "plumbing"}
    rendered = render(TEMPLATES[name], facts_of(CONTACT, anchors, date(2026, 11, 25), 1, COMPANY, links))
    composer = Composer(Signer(b"secret", purpose="u"), BASE, Verp(b"secret", "touches@mail.maple.example"))
    made = composer.outgoing(touch, rendered, links, CONTACT, COMPANY, at, at + timedelta(minutes=2))
    assert made.recipient == "ada@example.net"
    assert made.message.sender.endswith("@mail.maple.example")
    return bytes(made.message.content)


def parts_of(raw: bytes) -> tuple[Any, str, str]:
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    text, page = mail.iter_parts()
    return mail, text.get_content(), page.get_content()


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_client_without_a_name_is_greeted_and_not_called_there(name: str) -> None:
    nobody: dict[str, str] = {"email": "ada@example.net"}
    rendered = render(TEMPLATES[name], facts_of(nobody, {}, date(2026, 11, 25), 1, COMPANY, {}))
    assert not re.search(r"\bthere\b|, [?:,]| ,|, *$", rendered.subject), rendered.subject
    assert "Hello there," in rendered.text


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_head_is_whole_and_says_who_and_how_to_stop(name: str) -> None:
    raw = wire(name)
    mail, _, _ = parts_of(raw)
    for once in ("From", "To", "Date", "Message-ID", "Subject", "MIME-Version", "List-Unsubscribe", "List-Unsubscribe-Post"):
        assert len(mail.get_all(once)) == 1, once
    assert mail["Bcc"] is None
    assert [one.addr_spec for one in mail["To"].addresses] == ["ada@example.net"]
    to = str(email.message_from_bytes(raw)["To"])  # the structured reader of Python 3.11 leaves spaces between encoded words
    assert (
        str(make_header(decode_header(to))).replace("\n", "")
        == f"{CONTACT['first_name']} {CONTACT['last_name']} <ada@example.net>"
    )
    assert mail["From"].addresses[0].display_name == COMPANY.name
    assert mail["Message-ID"] == f"<{ID}@mail.maple.example>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["List-Unsubscribe"].startswith(f"<{BASE}/u/")
    assert "example.net" not in mail["List-Unsubscribe"]
    assert mail["Auto-Submitted"] in (None, "auto-generated")


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_wire_is_seven_bit_in_short_lines(name: str) -> None:
    raw = wire(name)
    assert raw.isascii()
    assert re.search(rb"(?<!\r)\n|\r(?!\n)", raw) is None
    assert [line for line in raw.split(b"\r\n") if len(line) > 78 and b" " in line.strip()] == []  # an address cannot be folded
    words = re.findall(rb"=\?[^?\s]+\?[BbQq]\?[^?\s]*\?=", raw)
    assert words
    for word in words:
        assert len(word) <= 75
        assert "�" not in str(make_header(decode_header(word.decode())))


@pytest.mark.parametrize("name", TEMPLATES)
def test_text_and_page_say_the_same_and_where_we_are(name: str) -> None:
    mail, text, page = parts_of(wire(name))
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert text.strip()
    assert set(URL.findall(text)) == set(URL.findall(page.replace("&amp;", "&")))
    if "unsubscribe" in text:
        assert COMPANY.postal_address in text
        assert COMPANY.postal_address in page


def test_who_is_asked_whether_to_be_written_to_is_told_what_ends_it() -> None:
    _, text, _ = parts_of(wire("win_back"))
    found = re.search(r"not be asked again, answer with the one word (\w+)", " ".join(text.split()))
    assert found is not None
    assert wish_of(found[1]) == ("stop", True)


@pytest.mark.parametrize(
    ("name", "button"),
    [
        ("member_spring", "Ask us to call you for a day"),
        ("member_autumn", "Ask us to call you for a day"),
        ("check_in", "Tell us how it is"),
    ],
)
def test_a_button_promises_the_page_behind_it(name: str, button: str) -> None:
    _, text, page = parts_of(wire(name))
    assert button in text
    assert button in page
    assert "Choose a day" not in page


def test_the_same_touch_sent_again_has_the_same_id() -> None:
    first, again = (parts_of(wire("thank_you", at))[0] for at in (NOW, NOW + timedelta(hours=3)))
    assert first["Message-ID"] == again["Message-ID"]
