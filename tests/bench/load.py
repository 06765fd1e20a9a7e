"""A load generator that costs little: keep-alive connections, one callback per answer, no streams."""

import asyncio
import itertools
import statistics
import time
from collections.abc import Callable
from typing import Any

_serial = itertools.count(int(time.time() * 1000) % 10_000_000 * 100)


def request() -> bytes:
    """A lead of somebody new, about 300 bytes."""
    n = next(_serial)
    body = (
        b'{"first_name":"Ada","last_name":"Case%d","email":"case%d@example.net","phone":"(419) 555-%04d","postal_code":"43%03d",'
        b'"selection":"estimate","message":"The kitchen tap drips, and the valve is stuck.","attribution":{"utm_source":"ads"}}'
    ) % (n, n, n % 10_000, n % 60)
    head = b"POST /v1/leads HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


class Sender(asyncio.Protocol):
    """One connection with at most one request under way; `answered` is called with the lead's id and the seconds it took."""

    def __init__(self, answered: Callable[["Sender", str, float], None]) -> None:
        self._answered, self._buffer, self._asked, self._waits = answered, b"", 0.0, False
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        """A server may close an idle connection; one with a request under way fails the measurement."""
        if not self.ended.done() and self._waits:
            self.ended.set_exception(error or ConnectionError("the server closed the connection"))
        elif not self.ended.done():
            self.ended.set_result(None)

    def ask(self) -> None:
        self._asked, self._waits = time.perf_counter(), True
        self._transport.write(request())

    def data_received(self, data: bytes) -> None:
        """An answer of 202 is short; anything else fails the measurement."""
        self._buffer += data
        if not self._buffer.endswith(b"}"):
            return
        took, answer, self._buffer, self._waits = time.perf_counter() - self._asked, self._buffer, b"", False
        if not answer.startswith(b"HTTP/1.1 202"):
            self.ended.set_exception(AssertionError(answer[:200]))
            return
        lead_id = answer[answer.rindex(b"lead_id") + 10 :][:36].decode()
        self._answered(self, lead_id, took)

    @property
    def may_ask(self) -> bool:
        """Open, and not about to be closed: a server ends connections that rest for five seconds."""
        return not self.ended.done() and time.perf_counter() - self._asked < 3

    @property
    def failed(self) -> bool:
        return self.ended.done() and self.ended.exception() is not None

    def close(self) -> None:
        self._transport.close()


async def connect(port: int, answered: Callable[[Sender, str, float], None]) -> Sender:
    _, sender = await asyncio.get_running_loop().create_connection(lambda: Sender(answered), "127.0.0.1", port)
    return sender


async def hammer(port: int, *, connections: int, seconds: float) -> tuple[float, list[float]]:
    """As fast as it goes. Returns answers of 202 per second, and how long each took."""
    took: list[float] = []
    end = time.perf_counter() + seconds

    def answered(sender: Sender, _: str, seconds: float) -> None:
        took.append(seconds)
        if time.perf_counter() < end:
            sender.ask()
        else:
            sender.close()

    senders = [await connect(port, answered) for _ in range(connections)]
    began = time.perf_counter()
    for sender in senders:
        sender.ask()
    await asyncio.gather(*(sender.ended for sender in senders))
    return len(took) / (time.perf_counter() - began), took


class Steady:
    """Posts at an even rate over connections that stay open; remembers when each lead was sent and how long its answer took."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.sent_at: dict[str, float] = {}
        self.took: list[float] = []
        self._idle: list[Sender] = []
        self._senders: list[Sender] = []

    def _note(self, sender: Sender, lead_id: str, seconds: float) -> None:
        self.sent_at[lead_id] = time.perf_counter() - seconds
        self.took.append(seconds)
        self._idle.append(sender)

    async def run(self, rate: float, seconds: float) -> int:
        """Returns how many were sent; each was answered 202."""
        start, count = time.perf_counter(), int(rate * seconds)
        for number in range(count):
            await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
            while self._idle and not self._idle[-1].may_ask:
                self._idle.pop()
            if not self._idle:
                self._senders.append(await connect(self._port, self._note))
                self._idle.append(self._senders[-1])
            self._idle.pop().ask()
        async with asyncio.timeout(30):
            while len(self.took) < count and not any(
                sender.ended.done() and sender.ended.exception() for sender in self._senders
            ):
                await asyncio.sleep(0.005)
        for sender in self._senders:
            sender.close()
        await asyncio.gather(*(sender.ended for sender in self._senders))
        return count


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def spread(values: list[float]) -> str:
    """Median, lowest and highest."""
    return f"{statistics.median(values):7.0f}  ({min(values):.0f} to {max(values):.0f})"


class Crowd:
    """Senders on connections of their own, each posting again a moment after its answer."""

    def __init__(self, port: int, size: int) -> None:
        self._port, self._size = port, size
        self.sent: list[str] = []
        self.took: list[float] = []
        self._on = True

    def _answered(self, sender: Sender, lead_id: str, seconds: float) -> None:
        self.sent.append(lead_id)
        self.took.append(seconds)
        if self._on:
            asyncio.get_running_loop().call_later(1.5, self._again, sender)
        else:
            sender.close()

    def _again(self, sender: Sender) -> None:
        if self._on:
            sender.ask()
        else:
            sender.close()

    async def run(self, seconds: float) -> None:
        senders = [await connect(self._port, self._answered) for _ in range(self._size)]
        for number, sender in enumerate(senders):
            asyncio.get_running_loop().call_later(number / self._size, sender.ask)
        await asyncio.sleep(seconds)
        self._on = False
        await asyncio.gather(*(sender.ended for sender in senders))
