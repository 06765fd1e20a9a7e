"""One SMTP connection: pipelined, encrypted where it can be, and exact about which side of the final dot it failed on.

Nothing was taken before the final dot; after it, without an answer, nobody knows (RFC 1047): that is `doubt`, never a retry.
"""

import asyncio
import base64
import re
import ssl
import time

from services.followup.adapters.smtp.relay import Answer, Mail, Refused, Stale, stuffed
from shared.smtp_address import SmtpAddress

LIMIT = 64 * 1024
_UNSAFE = re.compile(r"[\x00-\x20\x7f<>]")


class Connection:
    """A connection that takes one mail at a time, many after each other."""

    def __init__(
        self, relay: SmtpAddress, trusted: ssl.SSLContext, *, local_name: str, timeout: float, data_timeout: float
    ) -> None:
        self._relay, self._trusted, self._local_name = relay, trusted, local_name
        self._timeout, self._data_timeout = timeout, data_timeout
        self.capabilities: dict[str, str] = {}
        self.sent = 0
        self.used_at = 0.0
        self.is_open = False

    async def open(self) -> None:
        """Greet, encrypt, sign in. Raises OSError, TimeoutError or Refused: nothing was sent."""
        relay = self._relay
        async with asyncio.timeout(self._timeout):
            tls = self._trusted if relay.scheme == "smtps" else None
            self._reader, self._writer = await asyncio.open_connection(relay.host, relay.port, ssl=tls, limit=LIMIT)
            self.is_open = True
            await self._expect(220)
            await self._hello()
            if relay.scheme != "smtps":
                await self._encrypt()
            if relay.user is not None:
                await self._sign_in(relay.user, relay.password or "")

    async def _hello(self) -> None:
        self._writer.write(f"EHLO {self._local_name}\r\n".encode())
        lines = (await self._expect(250)).splitlines()
        self.capabilities = {name.upper(): rest for name, _, rest in (line.partition(" ") for line in lines[1:])}

    async def _encrypt(self) -> None:
        offered = "STARTTLS" in self.capabilities
        if self._relay.scheme == "smtp" and (not offered or self._relay.is_local):
            return
        if not offered:
            raise Refused(454, "the relay offers no STARTTLS")
        self._writer.write(b"STARTTLS\r\n")
        await self._expect(220)
        await self._writer.start_tls(self._trusted, server_hostname=self._relay.host)
        await self._hello()  # what was said before may have been said by anybody

    async def _sign_in(self, user: str, password: str) -> None:
        if self._writer.get_extra_info("ssl_object") is None and not self._relay.is_local:
            raise Refused(454, "the relay offers no encryption, and the password is not sent without")
        methods = self.capabilities.get("AUTH", "").upper().split()
        if "PLAIN" in methods or "LOGIN" not in methods:
            secret = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
            await self._command(f"AUTH PLAIN {secret}", 235)
        else:
            await self._command("AUTH LOGIN", 334)
            await self._command(base64.b64encode(user.encode()).decode(), 334)
            await self._command(base64.b64encode(password.encode()).decode(), 235)

    async def send(self, mail: Mail) -> Answer:
        """Send one mail. After anything but a complete exchange the connection is closed."""
        if problem := self._impossible(mail):
            return Answer("never", problem)
        reached_data = False
        try:
            async with asyncio.timeout(self._timeout):
                if (refusal := await self._envelope(mail)) is not None:
                    return refusal
            if time.time() + self._data_timeout > mail.not_after:
                self.close()  # whoever holds the lease now decides; without the final dot nothing was taken
                return Answer("again", "the lease ran out before the message was sent")
            async with asyncio.timeout(self._data_timeout):
                reached_data = True
                self._writer.write(stuffed(mail.content))
                text = await self._expect(250)
        except Refused as error:
            return error.answer()
        except (OSError, TimeoutError, EOFError, ValueError) as error:
            self.close()
            return Answer("doubt" if reached_data else "again", type(error).__name__)
        except BaseException:
            self.close()
            raise
        self.sent += 1
        self.used_at = time.monotonic()
        return Answer("sent", text[:200], 250)

    def _impossible(self, mail: Mail) -> str:
        addresses = [mail.sender, mail.recipient, *([mail.journal] if mail.journal else [])]
        if any(_UNSAFE.search(address) for address in addresses):
            return "an address cannot be written in an envelope"
        if not all(address.isascii() for address in addresses) and "SMTPUTF8" not in self.capabilities:
            return "5.6.7 the relay takes no addresses outside ASCII"
        size = self.capabilities.get("SIZE", "")
        return "5.3.4 the message is larger than the relay takes" if size.isdigit() and 0 < int(size) < len(mail.content) else ""

    async def _envelope(self, mail: Mail) -> Answer | None:
        """MAIL, RCPT and DATA in one packet (RFC 2920). None: the relay waits for the message."""
        utf8 = "" if (mail.sender + mail.recipient).isascii() else " SMTPUTF8 BODY=8BITMIME"
        recipients = [mail.recipient, *([mail.journal] if mail.journal else [])]
        lines = [f"MAIL FROM:<{mail.sender}>{utf8}", *(f"RCPT TO:<{address}>" for address in recipients), "DATA"]
        in_one_go = "PIPELINING" in self.capabilities
        if in_one_go:
            self._writer.write("".join(f"{line}\r\n" for line in lines).encode())
        replies: list[tuple[int, str]] = []
        for line in lines:
            if not in_one_go:
                self._writer.write(f"{line}\r\n".encode())
            replies.append(await self._first_reply() if not replies else await self._reply())
            if replies[-1][0] == 421 or (replies[-1][0] >= 400 and not in_one_go):
                break
        return await self._refusal(replies, has_journal=mail.journal is not None)

    async def _first_reply(self) -> tuple[int, str]:
        """The relay may have hung up while the connection was idle."""
        try:
            code, text = await self._reply()
        except (EOFError, ConnectionError) as error:
            code, text = 421, repr(error)
        if code == 421 and self.sent:
            self.close()
            raise Stale
        return code, text

    async def _refusal(self, replies: list[tuple[int, str]], *, has_journal: bool) -> Answer | None:
        """What was refused first. A relay that waits for the message all the same is told no by hanging up."""
        number = next((number for number, (code, _) in enumerate(replies) if code >= 400), None)
        if number is None and replies[-1][0] == 354:
            return None
        if replies[-1][0] in (354, 421):
            self.close()
        else:
            await self._command("RSET", 250)
        number = len(replies) - 1 if number is None else number
        answer = Refused(*replies[number]).answer(at_recipient=number == 1)
        if number == 2 and has_journal:  # our own mailbox is refused: no fault of this mail
            return Answer("busy", f"the journal mailbox is refused: {answer.detail}"[:300], answer.code)
        return answer

    async def _command(self, line: str, wanted: int) -> str:
        self._writer.write(f"{line}\r\n".encode())
        return await self._expect(wanted)

    async def _expect(self, wanted: int) -> str:
        code, text = await self._reply()
        if code != wanted:
            if code == 421:
                self.close()
            raise Refused(code, text)
        return text

    async def _reply(self) -> tuple[int, str]:
        lines = []
        for _ in range(100):
            line = await self._reader.readline()
            if not line.endswith(b"\n"):
                raise EOFError
            lines.append(line[4:].decode("utf-8", "replace").rstrip())
            if line[3:4] != b"-":
                return int(line[:3]), "\n".join(lines)
        raise ValueError("the relay's answer has no end")

    async def quit(self) -> None:
        """Leave politely, but do not wait long for it."""
        if self.is_open:
            try:
                async with asyncio.timeout(2):
                    await self._command("QUIT", 221)
            except (OSError, TimeoutError, EOFError, ValueError, Refused):
                pass
            finally:
                self.close()

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            self._writer.close()
