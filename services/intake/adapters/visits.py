"""Who is at the door: the address, behind the proxies we trust, and the site the post came from."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi import Request

from services.intake.adapters.form_files import origin_of

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Visit:
    """`origin` is None where the browser did not say; `own` where it was one of our own pages."""

    address: str
    origin: str | None
    own: bool
    user_agent: str
    page: str


def visit_of(request: Request, trusted: Sequence[Network], own_origin: str = "") -> Visit:
    """Our own page is known by our public address; where none is set, by the host the browser asked."""
    page = request.headers.get("referer", "")
    given = request.headers.get("origin") or ""
    origin = given if given not in ("", "null") else origin_of(page)
    own = origin is not None and (origin == own_origin or urlsplit(origin).netloc == request.headers.get("host", ""))
    return Visit(client_address(request, trusted), origin, own, request.headers.get("user-agent", ""), page)


def client_address(request: Request, trusted: Sequence[Network]) -> str:
    """The right-most hop that is no proxy of ours: what stands further left can be written by anybody."""
    address = request.client.host if request.client else ""
    hops = [_without_port(hop.strip()) for line in request.headers.getlist("x-forwarded-for") for hop in line.split(",")]
    while hops and _is_trusted(address, trusted):
        address = hops.pop()
    return address


def _without_port(hop: str) -> str:
    """Some proxies write it: 192.0.2.7:50123, [2001:db8::1]:50123."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(ip in network for network in trusted)


def block_of(address: str) -> str:
    """Whom a limit counts as one: an IPv4 address, or the /64 one customer gets of IPv6."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ip.ipv4_mapped) if ip.ipv4_mapped else str(ipaddress.ip_network((int(ip), 64), strict=False))
    return str(ip)
