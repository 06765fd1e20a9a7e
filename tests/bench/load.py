"""A load generator that costs little: keep-alive connections over raw sockets."""

import asyncio
import itertools
import time

import orjson

_serial = itertools.count(int(time.time() * 1000) % 10_000_000 * 100)


def request() -> bytes:
    """A lead of somebody new, about 300 bytes."""
    n = next(_serial)
    body = (
        b'{"first_name":"Ada","last_name":"Case%d","email":"case%d@example.net","phone":"(419) 555-%04d",'
        b'"selection":"estimate","message":"The kitchen tap drips, and the valve is stuck.","attribution":{"utm_source":"ads"}}'
    ) % (n, n, n % 10_000)
    head = b"POST /v1/leads HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


async def hammer(port: int, *, connections: int, seconds: float) -> tuple[float, list[float]]:
    """As fast as it goes. Returns answers of 202 per second, and how long each took."""
    took: list[float] = []
    end = time.perf_counter() + seconds

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < end:
            asked = time.perf_counter()
            await ask(reader, writer)
            took.append(time.perf_counter() - asked)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    return len(took) / (time.perf_counter() - began), took


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> dict[str, str]:
    """Post one lead. Returns the answer; raises AssertionError for anything but 202."""
    writer.write(request())
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    body = await reader.readexactly(length)
    if not head.startswith(b"HTTP/1.1 202"):
        raise AssertionError(head[:200])
    answer: dict[str, str] = orjson.loads(body)
    return answer


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")
