"""The SMTP client, against a real server and against one that misbehaves; aiosmtplib is the oracle."""

import asyncio
import datetime
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.local.ports import free_ports
from services.followup.adapters.smtp import Mail, Smtp
from services.followup.adapters.smtp.relay import stuffed
from tests.services.followup.relay import scripted_relay

CONTENT = b"Subject: x\r\nMessage-ID: <1@example.com>\r\n\r\n.one dot\r\n..two\r\n.\r\nend\r\n"


class Keep:
    """aiosmtpd's handler: keeps what arrived."""

    def __init__(self) -> None:
        self.envelopes: list[Any] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.envelopes.append(envelope)
        return "250 OK"


def mail(recipient: str = "ada@example.net", **more: Any) -> Mail:
    return Mail("bounces@example.com", recipient, more.pop("content", CONTENT), **more)


@pytest.fixture
def server() -> Iterator[Controller]:
    controller = Controller(Keep(), hostname="127.0.0.1", port=free_ports(1)[0], enable_SMTPUTF8=True)
    controller.start()
    yield controller
    controller.stop()


@pytest.fixture
async def smtp(server: Controller) -> AsyncIterator[Smtp]:
    pool = Smtp(f"smtp://127.0.0.1:{server.server.sockets[0].getsockname()[1]}", size=4)  # type: ignore[union-attr]
    yield pool
    await pool.close()


async def test_a_real_server_gets_what_was_sent_and_connections_are_used_again(server: Controller, smtp: Smtp) -> None:
    answers = await asyncio.gather(*(smtp.send(mail(f"p{number}@example.net")) for number in range(20)))
    assert {answer.result for answer in answers} == {"sent"}
    envelopes = server.handler.envelopes
    assert sorted(envelope.rcpt_tos[0] for envelope in envelopes) == sorted(f"p{number}@example.net" for number in range(20))
    assert {envelope.content for envelope in envelopes} == {CONTENT}
    assert {envelope.mail_from for envelope in envelopes} == {"bounces@example.com"}


async def test_it_delivers_the_same_bytes_as_the_oracle(server: Controller, smtp: Smtp) -> None:
    port = server.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    await aiosmtplib.send(CONTENT, sender="bounces@example.com", recipients=["ada@example.net"], hostname="127.0.0.1", port=port)
    await smtp.send(mail())
    theirs, ours = server.handler.envelopes
    assert (ours.content, ours.rcpt_tos, ours.mail_from) == (theirs.content, theirs.rcpt_tos, theirs.mail_from)


@settings(max_examples=200)
@given(st.lists(st.sampled_from([b".", b"..", b"a", b"", b".a", b"x."]), max_size=12))
def test_dots_arrive_as_they_were_written(lines: list[bytes]) -> None:
    content = b"".join(line + b"\r\n" for line in lines)
    wire = stuffed(content)
    assert wire.endswith(b".\r\n")
    assert b"\r\n.\r\n" not in (b"\r\n" + wire)[:-3]
    assert b"".join(line.removeprefix(b".") + b"\r\n" for line in wire.split(b"\r\n")[:-2]) == (content or b"\r\n")


async def test_an_address_outside_ascii_goes_only_where_it_is_taken(server: Controller, smtp: Smtp) -> None:
    assert (await smtp.send(mail("zoë@example.net"))).result == "sent"
    assert server.handler.envelopes[-1].rcpt_tos == ["zoë@example.net"]
    async with scripted_relay(capabilities=("PIPELINING",)) as relay:
        pool = Smtp(relay.url, size=1)
        assert (await pool.send(mail("zoë@example.net"))).result == "never"
        await pool.close()


async def test_an_address_can_carry_no_second_command(smtp: Smtp, server: Controller) -> None:
    answer = await smtp.send(mail("ada@example.net>\r\nRCPT TO:<eve@example.net"))
    assert answer.result == "never"
    assert server.handler.envelopes == []


@pytest.mark.parametrize(
    ("answers", "result"),
    [
        ({"RCPT": "550 5.1.1 no such user"}, "never"),
        ({"RCPT": "450 4.2.0 greylisted"}, "again"),
        ({"RCPT": "452 4.2.2 mailbox full"}, "again"),
        ({"MAIL": "451 4.3.0 not now"}, "busy"),
        ({"MAIL": "421 4.7.0 too many messages in this session"}, "busy"),
        ({"MAIL": "454 4.7.0 Throttling failure: maximum sending rate exceeded"}, "busy"),
        ({"MAIL": "550 5.4.5 daily sending quota exceeded"}, "busy"),
        ({"MAIL": None}, "busy"),
        ({"RCPT": None}, "again"),
        ({"DATA": "554 5.7.1 no"}, "never"),
        ({".": "550 5.7.1 spam"}, "never"),
        ({".": "451 4.7.0 later"}, "busy"),
        ({".": None}, "doubt"),
        ({".": ""}, "doubt"),
        ({"GREETING": None}, "busy"),
        ({"GREETING": "554 go away"}, "busy"),
        ({"EHLO": "500 what"}, "busy"),
    ],
)
async def test_an_answer_says_on_which_side_of_the_final_dot_it_failed(answers: dict[str, str | None], result: str) -> None:
    async with scripted_relay(answers=answers) as relay:
        pool = Smtp(relay.url, size=1, timeout=1, data_timeout=0.3)
        answer = await pool.send(mail())
        assert (answer.result, answer.stopped) == (result, False)
        assert answer.for_all or answer.code not in (421, 454)  # a relay that slows us down does so for all
        relay.answers.clear()
        assert (await pool.send(mail())).result == "sent"  # and the next mail does not suffer
        assert len(relay.messages) == 1
        await pool.close()


async def test_a_recipient_that_is_refused_is_told_apart_from_a_message_that_is() -> None:
    async with scripted_relay(answers={"RCPT": "550 5.1.1 no such user"}) as relay:
        pool = Smtp(relay.url, size=1)
        answer = await pool.send(mail())
        assert (answer.at_recipient, answer.code, answer.status) == (True, 550, "5.1.1")
        await pool.close()


async def test_the_journal_never_gets_a_mail_that_the_client_does_not() -> None:
    async with scripted_relay(answers={"RCPT TO:<ada": "550 5.1.1 no such user"}) as relay:
        pool = Smtp(relay.url, size=1)
        assert (await pool.send(mail(journal="journal@example.com"))).result == "never"
        assert relay.messages == []
        relay.answers = {"RCPT TO:<journal": "550 5.1.1 no such user"}
        assert (await pool.send(mail(journal="journal@example.com"))).result == "busy"  # no witness: better not now
        assert relay.messages == []
        await pool.close()


async def test_a_connection_the_relay_closed_while_idle_costs_no_attempt() -> None:
    async with scripted_relay() as relay:
        pool = Smtp(relay.url, size=1)
        assert (await pool.send(mail())).result == "sent"
        relay.answers = {"MAIL": "421 4.4.2 idle too long"}
        task = asyncio.create_task(pool.send(mail()))
        await asyncio.sleep(0.05)
        relay.answers = {}
        assert (await task).result in ("sent", "busy")
        assert (await pool.send(mail())).result == "sent"
        await pool.close()


async def test_a_connection_is_left_after_its_share_of_mails() -> None:
    async with scripted_relay() as relay:
        pool = Smtp(relay.url, size=1, mails_per_connection=3)
        for _ in range(7):
            assert (await pool.send(mail())).result == "sent"
        assert relay.connections == 3
        await pool.close()


async def test_a_mail_whose_lease_ran_out_is_not_sent() -> None:
    async with scripted_relay() as relay:
        pool = Smtp(relay.url, size=1, data_timeout=5)
        assert (await pool.send(mail(not_after=time.time() + 1))).result == "again"
        assert relay.messages == []
        assert (await pool.send(mail(not_after=time.time() + 60))).result == "sent"
        await pool.close()


async def test_replies_that_take_long_are_waited_for_side_by_side() -> None:
    async with scripted_relay(delay=0.05) as relay:
        pool = Smtp(relay.url, size=20)
        await asyncio.gather(*(pool.send(mail()) for _ in range(20)))  # connections are warm now
        started = time.monotonic()
        await asyncio.gather(*(pool.send(mail()) for _ in range(20)))
        assert time.monotonic() - started < 1.5
        await pool.close()


def certificate(folder: Path) -> ssl.SSLContext:
    """A certificate for `localhost`; its file is the authority to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - datetime.timedelta(1), now + datetime.timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(*form))
    (folder / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context


class WithTls(Controller):
    """A server that wants STARTTLS and a password."""

    def factory(self) -> SMTP:
        def check(_server: Any, _session: Any, _envelope: Any, mechanism: str, data: LoginPassword) -> AuthResult:
            return AuthResult(success=data == LoginPassword(b"user", b"pass/word"), handled=False)  # the server answers

        kinds = {"require_starttls": True, "tls_context": self.tls, "auth_required": True, "authenticator": check}
        return SMTP(self.handler, hostname="localhost", auth_exclude_mechanism=self.without, **kinds)


@pytest.mark.parametrize("without", [(), ("PLAIN",)])
async def test_it_encrypts_checks_the_certificate_and_signs_in(tmp_path: Path, without: tuple[str, ...]) -> None:
    controller = WithTls(Keep(), hostname="127.0.0.1", port=free_ports(1)[0])
    controller.tls, controller.without = certificate(tmp_path), without  # type: ignore[attr-defined]
    controller.start()
    port = controller.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    try:
        for secret, host, authority, result, why in [
            ("pass%2Fword", "localhost", tmp_path / "ca.pem", "sent", "OK"),
            ("wrong", "localhost", tmp_path / "ca.pem", "busy", "does not let us in: 535"),
            ("pass%2Fword", "127.0.0.1", tmp_path / "ca.pem", "busy", "SSLCertVerificationError"),  # another name than asked
        ]:
            pool = Smtp(f"smtp+starttls://user:{secret}@{host}:{port}?ca={authority}", size=1)
            answer = await pool.send(mail())
            assert answer.result == result
            assert why in answer.detail
            await pool.close()
    finally:
        controller.stop()
    assert len(controller.handler.envelopes) == 1


async def test_a_relay_without_encryption_gets_nothing_where_it_is_required() -> None:
    async with scripted_relay() as relay:
        pool = Smtp(relay.url.replace("smtp://", "smtp+starttls://user:secret@"), size=1)
        assert (await pool.send(mail())).result == "busy"
        assert not any("AUTH" in line or "MAIL" in line for line in relay.lines)
        await pool.close()
