"""Requests to addresses that came through an API or a page: only to public servers, and only to the one checked.

The name is resolved once and the connection goes to the address that was checked, so a name that changes its mind
between check and use (DNS rebinding) gains nothing. Redirects are not followed. Addresses from settings need none of this.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import httpx

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
MAX_ANSWER = 1024 * 1024
_ENCLOSED_IPV4 = [ipaddress.ip_network(one) for one in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")]
_OWN_USE = [ipaddress.ip_network(one) for one in ("192.0.0.0/24", "192.88.99.0/24")]
_NOT_A_NAME = re.compile(r"(?i)(?:.*\.)?(?:0x[0-9a-f]*|[0-9]+|local|internal|localhost|arpa|onion)\.?")  # 0x7f.1 is an address


class NotPublic(httpx.RequestError):
    """The address leads into a private network, or is none we may open."""


async def resolve(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(one[4][0]) for one in found]


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet: nothing private, local, shared, reserved or a way around."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and (ip.ipv4_mapped or any(ip in network for network in _ENCLOSED_IPV4)):
        return False  # an IPv4 address in disguise: nobody needs one
    return ip.is_global and not ip.is_multicast and not ip.is_reserved and all(ip not in network for network in _OWN_USE)


class Guard(httpx.AsyncBaseTransport):
    """Checks where a request goes, and pins it there."""

    def __init__(
        self, inner: httpx.AsyncBaseTransport, *, resolve: Resolve = resolve, schemes: Sequence[str] = ("https",)
    ) -> None:
        self._inner, self._resolve, self._schemes = inner, resolve, tuple(schemes)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        if url.scheme not in self._schemes or url.userinfo or not url.host:
            raise NotPublic("Only plain https addresses can be used.", request=request)
        address = await self._checked_address(request, url.raw_host.decode("ascii"), url.port or 443)
        request.headers.setdefault("host", url.netloc.decode("ascii"))
        request.extensions = {**request.extensions, "sni_hostname": url.raw_host.decode("ascii")}
        request.url = url.copy_with(host=address)
        return await self._inner.handle_async_request(request)

    async def _checked_address(self, request: httpx.Request, host: str, port: int) -> str:
        try:
            addresses: Sequence[str] = [str(ipaddress.ip_address(host.strip("[]")))]
        except ValueError:
            if _NOT_A_NAME.fullmatch(host) or "." not in host:
                raise NotPublic("This address is not one of the open internet.", request=request) from None
            try:
                addresses = await self._resolve(host, port)
            except OSError as error:
                raise httpx.ConnectError("The name could not be resolved.", request=request) from error
        if not addresses or not all(is_public(address) for address in addresses):
            raise NotPublic("This address is not one of the open internet.", request=request)
        return addresses[0]

    async def aclose(self) -> None:
        await self._inner.aclose()


def public_client(*, timeout: float = 10.0, **more: Any) -> httpx.AsyncClient:
    """A client for addresses we were given by others. Proxies of the environment are ignored: they would undo the check."""
    guard = Guard(httpx.AsyncHTTPTransport(retries=0))
    return httpx.AsyncClient(transport=guard, timeout=timeout, follow_redirects=False, trust_env=False, **more)


async def read_at_most(response: httpx.Response, limit: int = MAX_ANSWER) -> bytes:
    """The body of a streamed answer, cut off at a limit: a stranger's server may send for ever."""
    body = b""
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > limit:
            raise httpx.ReadError(f"The answer is longer than {limit} bytes.")
    return body
