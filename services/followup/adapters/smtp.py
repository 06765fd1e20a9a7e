"""Mail by SMTP. The answer says on which side of the final dot it failed: that decides whether it may be tried again."""

from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import aiosmtplib


@dataclass(frozen=True, slots=True)
class Answer:
    """result: sent, again (nothing was taken), never (refused for good) or doubt (nobody knows)."""

    result: str
    detail: str = ""


class Smtp:
    """One connection a mail; a relay that is slow slows only its own mail."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or (465 if parts.scheme == "smtps" else 25)
        self._tls = parts.scheme == "smtps"
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None

    async def send(self, mail: EmailMessage) -> Answer:
        client = aiosmtplib.SMTP(hostname=self._host, port=self._port, use_tls=self._tls, timeout=30)
        reached_data = False
        try:
            await client.connect()
            if self._user is not None:
                await client.login(self._user, self._password or "")
            sender = mail["From"].addresses[0].addr_spec
            await client.mail(sender)
            await client.rcpt(mail["To"].addresses[0].addr_spec)
            reached_data = True
            await client.data(mail.as_bytes())
        except aiosmtplib.SMTPResponseException as error:
            return Answer("never" if error.code >= 500 else "again", f"{error.code}")
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            return Answer("doubt" if reached_data else "again", type(error).__name__)
        except ValueError as error:
            return Answer("never", type(error).__name__)
        finally:
            client.close()
        return Answer("sent")
