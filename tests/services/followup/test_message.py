"""The mail on the wire, held against the standard library's reader and a stranger's DKIM verifier."""

import base64
import email
import email.policy
import re
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from services.followup.adapters.dkim import Dkim
from services.followup.adapters.message import Letterhead, mail_headers, message_id
from shared.mail import Unsendable, alternatives, joined, one_line

AT = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
HEAD = Letterhead("Joe, at Maple Plumbing <joe@mail.maple.example>", reply_to="office@maple.example")
UNSUBSCRIBE = ("https://maple.example/u/abc.def", "mailto:stop@maple.example?subject=stop")


def build(
    *, first: str = "Ada", last: str = "Case", subject: str = "Hello", text: str = "Hello\n", html: str = "<p>Hello</p>"
) -> bytes:
    contact: dict[str, str | None] = {"first_name": first, "last_name": last, "email": "ada@example.net"}
    id = message_id("0193", HEAD.domain)
    headers = mail_headers(HEAD, contact=contact, subject=subject, id=id, at=AT, unsubscribe=UNSUBSCRIBE, kind="service")
    kind, body = alternatives(text, html, boundary="b0193")
    return joined([*headers, ("Content-Type", kind)], body)


def parse(raw: bytes) -> Any:
    return email.message_from_bytes(raw, policy=email.policy.default)


WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=90)


@settings(max_examples=150)
@given(first=WORDS, last=WORDS, subject=WORDS, text=st.text(st.characters(exclude_categories=("Cs",)), max_size=400))
def test_whatever_is_in_a_name_comes_back_as_it_was_and_makes_no_header(first: str, last: str, subject: str, text: str) -> None:
    raw = build(first=first, last=last, subject=subject, text=text)
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    assert raw.isascii()
    mail = parse(raw)
    assert mail.keys() == parse(build()).keys()
    assert [address.addr_spec for address in mail["To"].addresses] == ["ada@example.net"]
    name, _, _ = str(email.message_from_bytes(raw)["To"]).rpartition("<")  # the new reader adds a space between encoded-words
    unquoted = re.sub(r"\\(.)", r"\1", name.strip().removeprefix('"').removesuffix('"'))
    assert (str(make_header(decode_header(name))) if "=?" in name else unquoted).strip() == one_line(f"{first} {last}")
    assert mail["Subject"] == one_line(subject)
    assert not mail.defects
    sent = text.replace("\r\n", "\n").replace("\r", "\n")
    assert mail.get_body(("plain",)).get_content().replace("\r\n", "\n").rstrip("\n") == sent.rstrip("\n")


def test_it_says_what_the_standard_library_would_say() -> None:
    ours = parse(build(first="Zoë", subject="Is everything still as it should be, Zoë? " * 3))
    theirs = EmailMessage()
    for name, value in ours.items():
        if not name.startswith(("Content", "MIME")):
            theirs[name] = str(value)
    theirs.set_content("Hello\n", cte="quoted-printable")
    theirs.add_alternative("<p>Hello</p>", subtype="html", cte="quoted-printable")
    again = parse(theirs.as_bytes(policy=email.policy.SMTP))
    assert {name: str(ours[name]).strip() for name in ours if name != "Content-Type"} == {
        name: str(again[name]).strip() for name in again if name != "Content-Type"
    }
    assert [part.get_content_type() for part in ours.walk()] == [part.get_content_type() for part in again.walk()]


def test_one_click_is_offered_as_rfc_8058_asks() -> None:
    mail = parse(build())
    assert mail["List-Unsubscribe"] == "<https://maple.example/u/abc.def>, <mailto:stop@maple.example?subject=stop>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["From"].addresses[0].display_name == "Joe, at Maple Plumbing"
    assert mail["Message-ID"] == "<0193@mail.maple.example>"


@pytest.mark.parametrize(
    "address", ["", "ada", "a b@example.net", "ada@example.net\r\nBcc: x@example.net", "<ada@example.net>", "a@b@c"]
)
def test_an_address_that_cannot_be_written_is_refused(address: str) -> None:
    contact: dict[str, str | None] = {"email": address}
    with pytest.raises(Unsendable):
        mail_headers(HEAD, contact=contact, subject="x", id="<x@y>", at=AT, unsubscribe=UNSUBSCRIBE, kind="service")


KEYS = {"rsa": lambda: rsa.generate_private_key(65537, 2048), "ed25519": ed25519.Ed25519PrivateKey.generate}


@pytest.mark.parametrize("kind", list(KEYS))
@pytest.mark.parametrize("text", ["Hello\n", "Zoë  spaced  out \n\n.dot\n\n\n", ""])
def test_a_stranger_can_verify_our_signature_and_one_changed_header_breaks_it(kind: str, text: str, tmp_path: Path) -> None:
    key = KEYS[kind]()
    file = tmp_path / "key.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    form = serialization.PublicFormat.Raw if kind == "ed25519" else serialization.PublicFormat.SubjectPublicKeyInfo
    code = serialization.Encoding.Raw if kind == "ed25519" else serialization.Encoding.DER
    public = base64.b64encode(key.public_key().public_bytes(code, form)).decode()
    record = f"v=DKIM1; k={kind}; p={public}".encode()
    raw = build(first="Zoë", text=text)
    head, _, body = raw.partition(b"\r\n\r\n")
    headers = [(line.split(": ", 1)[0], line.split(": ", 1)[1]) for line in head.decode().replace("\r\n ", "\0").split("\r\n")]
    headers = [(name, value.replace("\0", "\r\n ")) for name, value in headers]
    signature = Dkim(file, selector="s1", domain="mail.maple.example").signature(headers, body, at=int(AT.timestamp()))
    signed = f"DKIM-Signature: {signature}\r\n".encode() + raw

    def verified(message: bytes) -> bool:
        return bool(dkim.verify(message, dnsfunc=lambda *_args, **_kwargs: record))

    assert verified(signed)
    assert b"List-Unsubscribe-Post" in signed.split(b"bh=")[0]
    assert not verified(signed.replace(b"/u/abc", b"/u/abd", 1))
    assert not verified(signed.replace(b"List-Unsubscribe=One-Click", b"List-Unsubscribe=Two-Click"))
    assert not verified(b"Subject: another\r\n" + signed)
