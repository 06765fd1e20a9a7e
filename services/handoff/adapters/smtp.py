"""Mail to reps by SMTP. A mail whose fate is unknown is sent again: two say more than none."""

from collections.abc import Sequence
from typing import Protocol

import aiosmtplib

from services.handoff.adapters.mails import Mail
from shared import telemetry
from shared.smtp_address import read_smtp_address


class Mailer(Protocol):
    async def send(self, mails: Sequence[Mail]) -> list[str]:
        """For each mail: sent, again or never."""


class Smtp:
    """A batch shares a connection; one that breaks is opened again for the next mail."""

    def __init__(self, url: str) -> None:
        """Raises ValueError with a sentence."""
        self._relay = read_smtp_address(url)

    async def send(self, mails: Sequence[Mail]) -> list[str]:
        client = self._client()
        answers: list[str] = []
        try:
            for mail in mails:
                if not client.is_connected:
                    await self._connect(client)
                answers.append(await self._send_one(client, mail))
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:  # the rest need not find out one by one
            telemetry.log().warning("mails to reps wait for the relay", error=repr(error)[:200])
            answers += ["again"] * (len(mails) - len(answers))
        finally:
            client.close()
        return answers

    def _client(self) -> aiosmtplib.SMTP:
        """Where STARTTLS is required and not offered, connecting fails: neither password nor mail goes out in clear."""
        relay = self._relay
        return aiosmtplib.SMTP(
            hostname=relay.host,
            port=relay.port,
            use_tls=relay.scheme == "smtps",
            start_tls=True if relay.scheme == "smtp+starttls" else None,
            cert_bundle=relay.authority,
            timeout=20,
        )

    async def _connect(self, client: aiosmtplib.SMTP) -> None:
        await client.connect()
        if self._relay.user:
            if not self._relay.is_local and client.get_transport_info("sslcontext") is None:
                raise aiosmtplib.SMTPException("the relay offers no encryption, and the password is not sent without")
            await client.login(self._relay.user, self._relay.password or "")

    async def _send_one(self, client: aiosmtplib.SMTP, mail: Mail) -> str:
        try:
            await client.sendmail(mail.sender, mail.to, mail.content)
        except aiosmtplib.SMTPRecipientsRefused as error:
            return "never" if all(one.code >= 500 for one in error.recipients) else "again"
        except aiosmtplib.SMTPSenderRefused as error:  # no fault of this mail: the relay's settings, or the agreement's
            telemetry.log().warning("the relay takes no mails from the company's sender", error=repr(error)[:200])
            return "again"
        except aiosmtplib.SMTPResponseException as error:
            return "never" if error.code >= 500 else "again"
        except (aiosmtplib.SMTPException, OSError, TimeoutError):
            client.close()
            return "again"
        except ValueError:
            return "never"
        return "sent"
