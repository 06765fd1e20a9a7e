"""No address that came from outside makes us knock at our own doors."""

import asyncio
from collections.abc import Sequence

import httpx
import pytest

from shared.outgoing import Guard, NotPublic, is_public, public_client, read_at_most
from tests.support import serving

ADDRESSES = """
http://example.com/ ftp://example.com/ gopher://example.com:25/_x dict://example.com:6379/x file:///etc/passwd
https://localhost/ https://localhost./ https://LOCALHOST:22/ https://sub.localhost/ https://127.0.0.1/ https://127.1/ https://0/
https://2130706433/ https://0x7f000001/ https://0x7f.0.0.1/ https://0177.0.0.1/ https://017700000001/ https://127.0.0.1./
https://[::1]/ https://[::]/ https://[::ffff:127.0.0.1]/ https://[::ffff:7f00:1]/ https://[0:0:0:0:0:ffff:a9fe:a9fe]/
https://[64:ff9b::7f00:1]/ https://[2002:7f00:1::]/ https://[fe80::1]/ https://[fd00:ec2::254]/ https://[ff02::1]/
https://169.254.169.254/latest/meta-data/ https://10.0.0.1/ https://172.16.0.1/ https://192.168.1.1/ https://100.64.0.1/
https://100.100.100.200/ https://192.0.0.192/ https://198.18.0.1/ https://0.0.0.0/ https://224.0.0.1/ https://255.255.255.255/
https://240.0.0.1/ https://metadata/ https://metadata.google.internal/ https://printer.local/ https://intranet/
https://user:word@example.com/ https://example.com@127.0.0.1/ https://１２７.0.0.1/ https://①②⑦.0.0.1/
"""


class Recorder(httpx.AsyncBaseTransport):
    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(200, content=b"x" * 2000)


def client(*answers: str) -> tuple[httpx.AsyncClient, Recorder, list[str]]:
    """A guarded client in a world where every name has these addresses."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return answers

    recorder = Recorder()
    return httpx.AsyncClient(transport=Guard(recorder, resolve=resolve)), recorder, asked


@pytest.mark.parametrize("url", ADDRESSES.split())
async def test_an_inward_address_is_refused_before_a_packet_leaves(url: str) -> None:
    outgoing, recorder, _ = client("93.184.215.14")
    with pytest.raises((NotPublic, httpx.InvalidURL, httpx.UnsupportedProtocol)):
        await outgoing.post(url)
    assert recorder.requests == []


@pytest.mark.parametrize("answers", [("127.0.0.1",), ("93.184.215.14", "10.0.0.1"), ("::1",), ("fe80::1%eth0",), ()])
async def test_a_public_name_with_an_inward_address_is_refused(answers: tuple[str, ...]) -> None:
    outgoing, recorder, _ = client(*answers)
    with pytest.raises(NotPublic):
        await outgoing.post("https://rebind.example.com/")
    assert recorder.requests == []


async def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    outgoing, recorder, asked = client("93.184.215.14")
    await outgoing.post("https://crm.example.com:8443/hook?x=1")
    sent = recorder.requests[0]
    assert (sent.url.host, sent.url.port, sent.url.path) == ("93.184.215.14", 8443, "/hook")
    assert sent.headers["host"] == "crm.example.com:8443"
    assert sent.extensions["sni_hostname"] == "crm.example.com"
    assert asked == ["crm.example.com"], "resolved once"


async def test_a_real_server_on_this_machine_is_never_reached() -> None:
    reached = asyncio.Event()

    async def serve(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        reached.set()

    async with serving(serve) as port, public_client(timeout=2) as outgoing:
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]"):
            with pytest.raises(NotPublic):
                await outgoing.get(f"https://{host}:{port}/")
    assert not reached.is_set()


async def test_an_answer_without_end_is_cut_off() -> None:
    outgoing, _, _ = client("93.184.215.14")
    async with outgoing.stream("GET", "https://crm.example.com/") as answer:
        with pytest.raises(httpx.ReadError):
            await read_at_most(answer, 1000)


def test_addresses_of_the_open_internet_are_public() -> None:
    assert all(is_public(one) for one in ("93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"))
