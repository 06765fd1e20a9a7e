"""Addresses of ours that say which touch they belong to: a bounce, an answer or a mailed "stop" needs no guessing.

Lower case only, because mail systems change it: touches+b0123abc….seal@mail.example.com
"""

import base64
import hashlib
import hmac
import re
from typing import Literal
from uuid import UUID

Use = Literal["b", "r", "u"]  # bounce, reply, unsubscribe
_FORM = re.compile(r"\+([bru])([a-z2-7]{26})-([a-z2-7]{13})@", re.IGNORECASE | re.ASCII)


class Verp:
    """`inbox` is the mailbox we read; without one, mails carry no such addresses."""

    def __init__(self, secret: bytes, inbox: str | None) -> None:
        self._key, self.inbox = hmac.digest(secret, b"verp", "sha256"), inbox

    def address(self, use: Use, touch_id: UUID) -> str:
        local, _, domain = (self.inbox or "").rpartition("@")
        name = _base32(touch_id.bytes)
        return f"{local}+{use}{name}-{self._seal(use, name)}@{domain}"

    def read(self, address: str) -> tuple[Use, UUID] | None:
        """What the address was made for, or None for one we did not make."""
        found = _FORM.search(address)
        if found is None:
            return None
        use, name, seal = (part.lower() for part in found.groups())
        if not hmac.compare_digest(seal, self._seal(use, name)):
            return None
        return use, UUID(bytes=base64.b32decode(f"{name.upper()}======"))  # type: ignore[return-value]

    def _seal(self, use: str, name: str) -> str:
        return _base32(hmac.new(self._key, f"{use}{name}".encode(), hashlib.sha256).digest()[:8])


def _base32(content: bytes) -> str:
    return base64.b32encode(content).decode().rstrip("=").lower()
