"""Texts through a provider's stand-in with its failure modes: a text whose answer was lost is never sent again."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from services.followup.adapters.sms import Sms, Text, signature
from tests.support import serving

TEXT = Text("+14195550134", "Hello. Answer STOP to end.", "https://maple.example/inbound/sms/1")


class Provider:
    """POST /2010-04-01/Accounts/{sid}/Messages.json as Twilio answers it."""

    def __init__(self) -> None:
        self.mode, self.accepted = "ok", list[dict[str, str]]()
        self.authorization = ""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        headers = {name.lower(): value for name, value in lines.items()}
        form = dict(parse_qsl((await reader.readexactly(int(headers["content-length"]))).decode()))
        self.authorization = base64.b64decode(headers["authorization"].split()[1]).decode()
        status, body = self.answer(form)
        if status:
            writer.write(f"HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())

    def answer(self, form: dict[str, str]) -> tuple[int, str]:
        if self.mode in ("ok", "lost", "502"):
            self.accepted.append(form)
        answers: dict[str, tuple[int, str]] = {
            "ok": (201, '{"sid": "SM1", "status": "queued"}'),
            "lost": (0, ""),
            "429": (429, '{"code": 20429}'),
            "503": (503, ""),
            "502": (502, "<html>bad gateway</html>"),
            "401": (401, "{}"),
            "stopped": (400, '{"code": 21610}'),
            "no number": (400, '{"code": 21211}'),
            "too long": (400, '{"code": 21617}'),
        }
        return answers[self.mode]


@pytest.fixture
async def provider() -> AsyncIterator[tuple[Provider, Sms]]:
    stand_in = Provider()
    async with serving(stand_in) as port:
        sms = Sms(f"http://AC1:secret@127.0.0.1:{port}", "+14195550100", timeout=2)
        yield stand_in, sms
        await sms.close()


@pytest.mark.parametrize(
    ("mode", "result", "gone"),
    [
        ("ok", "sent", False),
        ("lost", "doubt", False),
        ("502", "doubt", False),
        ("429", "busy", False),
        ("503", "busy", False),
        ("401", "busy", False),
        ("stopped", "never", True),
        ("no number", "never", True),
        ("too long", "never", False),
    ],
)
async def test_an_answer_says_whether_the_text_may_be_sent_again(
    provider: tuple[Provider, Sms], mode: str, result: str, gone: bool
) -> None:
    stand_in, sms = provider
    stand_in.mode = mode
    answer = await sms.send(TEXT)
    assert (answer.result, answer.at_recipient) == (result, gone)


async def test_a_text_says_where_it_comes_from_and_where_to_report(provider: tuple[Provider, Sms]) -> None:
    stand_in, sms = provider
    await sms.send(TEXT)
    (form,) = stand_in.accepted
    assert form == {"To": TEXT.recipient, "From": "+14195550100", "Body": TEXT.body, "StatusCallback": TEXT.callback}
    assert stand_in.authorization == "AC1:secret"


async def test_a_provider_that_cannot_be_reached_took_nothing() -> None:
    answer = await Sms("http://AC1:secret@127.0.0.1:9", "+14195550100", timeout=2).send(TEXT)
    assert (answer.result, answer.for_all) == ("busy", True)


def test_a_signature_is_made_as_the_provider_documents_it() -> None:
    form: dict[str, Any] = {"To": "+18005551212", "From": "+14158675310", "Digits": "1234"}
    content = "https://maple.example/inbound/smsDigits1234From+14158675310To+18005551212"
    expected = base64.b64encode(hmac.new(b"12345", content.encode(), hashlib.sha1).digest()).decode()
    assert signature("12345", "https://maple.example/inbound/sms", form) == expected
    assert httpx.URL("https://maple.example/inbound/sms").path == "/inbound/sms"
