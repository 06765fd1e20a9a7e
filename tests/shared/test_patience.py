"""Slow senders lose their connection, and cost the others nothing."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from deploy.local.ports import free_ports
from shared import http
from shared.patience import PatientProtocol, close_slow


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(f"{len(body)} bytes")(scope, receive, send)


@pytest.fixture
async def server() -> AsyncIterator[tuple[uvicorn.Server, int]]:
    port = free_ports(1)[0]
    app = http.Edge(echo, limits={"/small": 10})
    config = uvicorn.Config(app, port=port, http=PatientProtocol, lifespan="off", log_level="warning", timeout_keep_alive=5)
    running = uvicorn.Server(config)
    work = asyncio.create_task(running.serve())
    while not running.started:
        await asyncio.sleep(0.01)
    yield running, port
    running.should_exit = True
    await work


async def exchange(port: int, sent: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    await writer.drain()
    await asyncio.sleep(0.3)
    return reader, writer


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST / HTTP/1.1\r\nhost: x\r\nx-slow: ",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ],
)
async def test_a_request_that_does_not_arrive_is_given_up(server: tuple[uvicorn.Server, int], sent: bytes) -> None:
    reader, writer = await exchange(server[1], sent)
    close_slow(server[0].server_state.connections, seconds=10)
    assert not reader.at_eof(), "ten seconds are allowed"
    close_slow(server[0].server_state.connections, seconds=0.1)
    answer = await asyncio.wait_for(reader.read(), 5)
    assert answer.startswith(b"HTTP/1.1 408 ")
    writer.close()


async def test_a_connection_between_two_requests_is_not_slow(server: tuple[uvicorn.Server, int]) -> None:
    request = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nbody"
    reader, writer = await exchange(server[1], request)
    assert b"4 bytes" in await reader.read(1000)
    close_slow(server[0].server_state.connections, seconds=0.1)
    writer.write(request)
    assert b"4 bytes" in await asyncio.wait_for(reader.read(1000), 5)
    writer.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /small HTTP/1.1\r\nhost: x\r\ncontent-length: 11\r\n\r\n" + b"x" * 11,
        b"POST /small HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nb\r\n" + b"x" * 11 + b"\r\n0\r\n\r\n",
    ],
)
async def test_a_path_may_take_less_than_the_others(server: tuple[uvicorn.Server, int], sent: bytes) -> None:
    reader, writer = await exchange(server[1], sent)
    assert b"413" in await reader.readline()
    writer.close()
    reader, writer = await exchange(server[1], sent.replace(b"/small", b"/"))
    assert b"200" in await reader.readline()
    writer.close()
