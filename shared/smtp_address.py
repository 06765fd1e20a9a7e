"""The address of a mail relay: smtp://, smtp+starttls:// or smtps://user:password@host:port."""

from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import parse_qs, unquote, urlsplit

PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
WANTED = "a relay's address is smtp://, smtp+starttls:// or smtps://, then user:password@host:port or host:port"


@dataclass(frozen=True, slots=True)
class SmtpAddress:
    """smtp://: STARTTLS where it is offered; smtp+starttls://: required; smtps://: encrypted from the start."""

    scheme: str
    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    authority: str | None = None  # `?ca=`: a file with the certificates to trust

    @property
    def is_local(self) -> bool:
        """On this machine a password may go in clear."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def read_smtp_address(url: str) -> SmtpAddress:
    """Raises ValueError with a sentence that does not repeat the password."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(WANTED) from None
    if parts.scheme not in PORTS or not host:
        raise ValueError(WANTED)
    user = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    authority = parse_qs(parts.query).get("ca", [None])[0]
    return SmtpAddress(parts.scheme, host, port or PORTS[parts.scheme], user, password, authority)
