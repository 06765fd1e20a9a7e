"""Mail to reps by SMTP. A mail whose fate is unknown is sent again: two say more than none."""

from collections.abc import Sequence
from email.message import EmailMessage
from typing import Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib


class Mailer(Protocol):
    async def send(self, mails: Sequence[EmailMessage]) -> list[str]:
        """For each mail: sent, again or never."""


class Smtp:
    """A batch shares a connection; one that breaks is opened again for the next mail."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._secure = parts.scheme == "smtps"
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or (465 if self._secure else 25)
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")

    async def send(self, mails: Sequence[EmailMessage]) -> list[str]:
        client = aiosmtplib.SMTP(hostname=self._host, port=self._port, use_tls=self._secure, timeout=20)
        try:
            return [await self._send_one(client, mail) for mail in mails]
        finally:
            client.close()

    async def _send_one(self, client: aiosmtplib.SMTP, mail: EmailMessage) -> str:
        try:
            if not client.is_connected:
                await client.connect()
                if self._user:
                    await client.login(self._user, self._password)
            await client.send_message(mail)
        except aiosmtplib.SMTPRecipientsRefused as error:
            return "never" if all(one.code >= 500 for one in error.recipients) else "again"
        except aiosmtplib.SMTPResponseException as error:
            return "never" if 500 <= error.code < 600 and not isinstance(error, aiosmtplib.SMTPAuthenticationError) else "again"
        except (aiosmtplib.SMTPException, OSError, TimeoutError):
            client.close()
            return "again"
        except ValueError:
            return "never"
        return "sent"
