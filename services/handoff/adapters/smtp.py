"""Mail to reps by SMTP. A mail whose fate is unknown is sent again: two say more than none."""

from collections.abc import Sequence
from typing import Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib

from services.handoff.adapters.mails import Mail


class Mailer(Protocol):
    async def send(self, mails: Sequence[Mail]) -> list[str]:
        """For each mail: sent, again or never."""


class Smtp:
    """A batch shares a connection; one that breaks is opened again for the next mail."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._secure = parts.scheme == "smtps"
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or (465 if self._secure else 25)
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")

    async def send(self, mails: Sequence[Mail]) -> list[str]:
        client = aiosmtplib.SMTP(hostname=self._host, port=self._port, use_tls=self._secure, timeout=20)
        answers: list[str] = []
        try:
            for mail in mails:
                if not client.is_connected:
                    await self._connect(client)
                answers.append(await self._send_one(client, mail))
        except (aiosmtplib.SMTPException, OSError, TimeoutError):  # nobody is there: the rest need not find out one by one
            answers += ["again"] * (len(mails) - len(answers))
        finally:
            client.close()
        return answers

    async def _connect(self, client: aiosmtplib.SMTP) -> None:
        await client.connect()
        if self._user:
            await client.login(self._user, self._password)

    async def _send_one(self, client: aiosmtplib.SMTP, mail: Mail) -> str:
        try:
            await client.sendmail(mail.sender, mail.to, mail.content)
        except aiosmtplib.SMTPRecipientsRefused as error:
            return "never" if all(one.code >= 500 for one in error.recipients) else "again"
        except aiosmtplib.SMTPResponseException as error:
            return "never" if error.code >= 500 else "again"
        except (aiosmtplib.SMTPException, OSError, TimeoutError):
            client.close()
            return "again"
        except ValueError:
            return "never"
        return "sent"
