"""Warm connections to the relay, as many as there are mails at once, each used for a limited number of mails."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.followup.adapters.smtp.connection import Connection
from services.followup.adapters.smtp.relay import Answer, Mail, Refused, Stale
from shared.smtp_address import read_smtp_address


class Smtp:
    """Sends mails over at most `size` connections; a relay that is away fails mails as busy, never as refused."""

    def __init__(
        self,
        url: str,
        *,
        size: int,
        local_name: str = "localhost",
        mails_per_connection: int = 100,
        idle_seconds: float = 30.0,
        timeout: float = 15.0,
        data_timeout: float = 20.0,
    ) -> None:
        self.size, self._relay, self._local_name = size, read_smtp_address(url), local_name
        self._trusted = ssl.create_default_context(cafile=self._relay.authority)
        self._mails_per_connection, self._idle_seconds = mails_per_connection, idle_seconds
        self._timeout, self._data_timeout = timeout, data_timeout
        self._free: list[Connection] = []  # last in, first out: what is not needed grows old and is closed
        self._slots = asyncio.Semaphore(size)

    async def send(self, mail: Mail) -> Answer:
        """Send a mail. A connection that the relay closed while it was idle is replaced, once."""
        async with self._slots:
            for fresh in (False, True):
                try:
                    async with self._connection(fresh=fresh) as connection:
                        return await connection.send(mail)
                except Stale:
                    continue
                except Refused as error:
                    return Answer("busy", f"the relay does not let us in: {error}", error.code, for_all=True)
                except (OSError, TimeoutError, EOFError, ValueError) as error:
                    return Answer("busy", f"the relay cannot be reached: {type(error).__name__}", for_all=True)
        return Answer("again", "the relay hung up")

    @asynccontextmanager
    async def _connection(self, *, fresh: bool) -> AsyncIterator[Connection]:
        connection = self._take(fresh=fresh)
        try:
            if not connection.is_open:
                await connection.open()
            yield connection
        except BaseException:
            connection.close()
            raise
        if connection.is_open and connection.sent < self._mails_per_connection:
            self._free.append(connection)
        else:
            await connection.quit()

    def _take(self, *, fresh: bool) -> Connection:
        """The warmest connection; those that grew old at the other end are closed."""
        old = time.monotonic() - self._idle_seconds
        while self._free and self._free[0].used_at < old:
            self._free.pop(0).close()
        if self._free and not fresh:
            return self._free.pop()
        return Connection(
            self._relay, self._trusted, local_name=self._local_name, timeout=self._timeout, data_timeout=self._data_timeout
        )

    async def close(self) -> None:
        await asyncio.gather(*(connection.quit() for connection in self._free))
        self._free.clear()
