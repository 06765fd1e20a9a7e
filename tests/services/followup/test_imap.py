"""The mailbox, against a real Dovecot where there is one, and against a stand-in that speaks the same few commands."""

import asyncio
import contextlib
import grp
import os
import pwd
import shutil
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.local.ports import free_ports
from services.followup.adapters.imap import Mailbox
from services.followup.adapters.witnesses import Doubt, JournalWitness
from services.followup.scheduler.inbox import InboxTurn
from shared.database import Database
from tests.services.followup.mailbox import StandIn
from tests.services.followup.test_inbound import INBOUND, a_client, failed, suppressions
from tests.services.followup.test_incoming import report
from tests.support import serving

MAILS = [
    b"Message-ID: <one@maple.example>\r\nSubject: first\r\n\r\nHello\r\n",
    b"Message-ID: <two@maple.example>\r\n\r\n\xff\r\n",
]


NOW = datetime(2026, 11, 25, tzinfo=UTC)


def doubt(message_id: str) -> Doubt:
    return Doubt(message_id, NOW, NOW)


@contextlib.asynccontextmanager
async def stand_in(mails: list[bytes], _folder: Path) -> AsyncIterator[str]:
    async with serving(StandIn(mails)) as port:
        yield f"imap://joe:secret@127.0.0.1:{port}/INBOX"


@contextlib.asynccontextmanager
async def dovecot(mails: list[bytes], folder: Path) -> AsyncIterator[str]:
    port, account = free_ports(1)[0], pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    user, group = account.pw_name, grp.getgrgid(account.pw_gid).gr_name  # it gives its sockets to nobody else
    box = folder / "mail" / "new"
    for part in ("new", "cur", "tmp"):
        (folder / "mail" / part).mkdir(parents=True)
    for number, mail in enumerate(mails):
        (box / f"{1700000000 + number}.M{number}.host").write_bytes(mail)
    (folder / "users").write_text("joe:{PLAIN}secret\n")
    (folder / "dovecot.conf").write_text(
        f"base_dir = {folder}/run\nlog_path = {folder}/log\nprotocols = imap\nlisten = 127.0.0.1\nssl = no\n"
        f"disable_plaintext_auth = no\ndefault_internal_user = {user}\ndefault_login_user = {user}\n"
        f"default_internal_group = {group}\n"
        f"first_valid_uid = 1\nmail_location = maildir:{folder}/mail\n"
        f"service imap-login {{\n  inet_listener imap {{\n    port = {port}\n"
        "  }\n  inet_listener imaps {\n    port = 0\n  }\n  chroot =\n}\nservice anvil {\n  chroot =\n}\n"
        f"passdb {{\n  driver = passwd-file\n  args = {folder}/users\n}}\n"
        f"userdb {{\n  driver = static\n  args = uid={user} gid={group} home={folder}\n}}\n"
    )
    if os.geteuid() == 0:
        await asyncio.to_thread(subprocess.run, ["chown", "-R", f"{user}:{group}", str(folder)], check=True)
        for parent in (folder, *folder.parents[:3]):
            with contextlib.suppress(OSError):
                parent.chmod(parent.stat().st_mode | 0o011)
    process = await asyncio.create_subprocess_exec("dovecot", "-F", "-c", str(folder / "dovecot.conf"))
    try:
        for _ in range(100):
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                break
            await asyncio.sleep(0.05)
        yield f"imap://joe:secret@127.0.0.1:{port}/INBOX"
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


SERVERS = [stand_in, pytest.param(dovecot, marks=pytest.mark.skipif(shutil.which("dovecot") is None, reason="no dovecot here"))]


@pytest.mark.parametrize("server", SERVERS)
async def test_new_mail_is_read_once_and_ours_is_found(server: object, tmp_path: Path) -> None:
    async with server(MAILS, tmp_path) as url:  # type: ignore[operator]
        mailbox = Mailbox(url, timeout=5)
        found = await mailbox.unread()
        assert [raw.replace(b"\r\n", b"\n") for _, raw in found] == [mail.replace(b"\r\n", b"\n") for mail in MAILS]
        assert len(await mailbox.unread()) == 2  # looking is not reading
        await mailbox.mark_read(found[0][0])
        assert [uid for uid, _ in await mailbox.unread()] == [found[1][0]]
        witness = JournalWitness(mailbox)
        assert await witness.seen([doubt("<one@maple.example>"), doubt("<three@maple.example>")], NOW) == {
            "<one@maple.example>": True,
            "<three@maple.example>": False,
        }


async def test_a_witness_that_cannot_be_asked_says_so() -> None:
    witness = JournalWitness(Mailbox("imap://joe:secret@127.0.0.1:9/INBOX", timeout=1))
    assert await witness.seen([doubt("<one@maple.example>")], NOW) == {"<one@maple.example>": None}


async def test_a_mail_the_server_cannot_read_just_now_waits_and_holds_no_other_back(followup_database: Database) -> None:
    await a_client(followup_database)
    server = StandIn([b"From: ada@example.net\r\n\r\nstop\r\n", report(failed("ada@example.net"))], away={1})
    async with serving(server) as port:
        turn = InboxTurn(followup_database, Mailbox(f"imap://joe:secret@127.0.0.1:{port}/INBOX", timeout=5), INBOUND)
        assert await turn.turn() == 1
        server.away.clear()
        assert await turn.turn() == 1
    reasons = {(purpose, reason) for _, purpose, reason in await suppressions(followup_database)}
    assert reasons >= {("all", "hard_bounce"), ("marketing", "replied stop")}


async def test_a_bounce_in_the_mailbox_suppresses(followup_database: Database, tmp_path: Path) -> None:
    await a_client(followup_database)
    async with stand_in([report(failed("ada@example.net")), b"\x00 no mail at all"], tmp_path) as url:
        turn = InboxTurn(followup_database, Mailbox(url, timeout=5), INBOUND)
        assert await turn.turn() == 2
        assert await turn.turn() == 0
    assert await suppressions(followup_database) == {("email", "all", "hard_bounce")}
