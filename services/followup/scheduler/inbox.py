"""Mail that came in is read every half minute; mails to ourselves go out."""

import asyncio
import imaplib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from services.followup import store
from services.followup.adapters.imap import Mailbox
from services.followup.adapters.incoming import read_mail
from services.followup.adapters.message import Letterhead, is_writable
from services.followup.adapters.smtp import Mail, Smtp
from services.followup.use_cases.inbound import Inbound
from services.followup.use_cases.planning import company_of
from shared import telemetry
from shared.agreement import Company
from shared.database import Database, is_transient
from shared.mail import Unsendable, joined, one_line, quoted_printable, unstructured, wire_address

POLL_SECONDS, NOTICE_SECONDS = 30.0, 2.0


@dataclass(frozen=True, slots=True)
class InboxTurn:
    database: Database
    mailbox: Mailbox
    inbound: Inbound

    async def run(self) -> None:
        while True:
            try:
                await self.turn()
            except (OSError, imaplib.IMAP4.error) as error:
                telemetry.log().warning("the mailbox cannot be read", error=type(error).__name__)
            except Exception as error:
                if not is_transient(error):
                    raise
            await asyncio.sleep(POLL_SECONDS)

    async def turn(self) -> int:
        """A mail is marked read only after its consequence is committed. One that cannot be handled stops no other."""
        mails = await self.mailbox.unread()
        for uid, raw in mails:
            try:
                mail = await asyncio.to_thread(read_mail, raw)
                async with self.database.transaction() as unit:
                    await self.inbound.hear_mail(unit, mail, datetime.now(UTC))
            except Exception as error:
                if is_transient(error):
                    raise
                what = telemetry.describe(error)
                telemetry.log().error("a mail could not be handled, a person should read it", uid=uid, error=what)
            await self.mailbox.mark_read(uid)
        return len(mails)


@dataclass(frozen=True, slots=True)
class NoticeTurn:
    """Sends what a client wrote to the company's own address: at least once, for a person reads it."""

    database: Database
    smtp: Smtp

    async def run(self) -> None:
        while True:
            try:
                await self.turn()
            except Exception as error:
                if not is_transient(error):
                    raise
            await asyncio.sleep(NOTICE_SECONDS)

    async def turn(self) -> None:
        now = datetime.now(UTC)
        async with self.database.transaction() as unit:
            rows, company = await store.inbound.due_notices(unit, now), await company_of(unit)
            for row in rows:  # held for a moment, so that no other replica sends the same
                await store.inbound.notice_again(unit, row["id"], now + timedelta(minutes=2) * (row["attempt"] + 1))
        if rows and not is_writable(company.sender):
            telemetry.log().error("mails to the company wait: the agreement's company.sender is no address")
            return
        for row in rows:
            answer = await self.smtp.send(to_company(row, company, now))
            if answer.result == "sent":
                async with self.database.transaction() as unit:
                    await store.inbound.notice_sent(unit, row["id"])
            else:
                telemetry.log().warning("a mail to the company waits", notice=str(row["id"]), answer=answer.result)


def to_company(row: Any, company: Company, now: datetime) -> Mail:
    """A plain mail to the company's own address; answering it answers the client."""
    head = Letterhead(company.sender)
    headers = [
        ("From", head.address),
        ("To", head.address),
        ("Subject", unstructured(one_line(row["subject"]), len("Subject: "))),  # a client's name is in it: never a header
        ("Date", format_datetime(now)),
        ("Auto-Submitted", "auto-generated"),
        ("Message-ID", f"<{row['id']}@{head.domain}>"),
        ("MIME-Version", "1.0"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Transfer-Encoding", "quoted-printable"),
    ]
    if row["reply_to"]:
        try:
            headers.append(("Reply-To", wire_address(row["reply_to"])))
        except Unsendable:
            telemetry.log().warning("an address cannot be written in a header", notice=str(row["id"]))
    return Mail(head.address, head.address, joined(headers, quoted_printable(row["text"])))
