"""API keys and signed tokens."""

import base64
import hashlib
import hmac
import secrets
from pathlib import Path

from fastapi import Request

from shared.http import Problem


def new_api_key() -> str:
    return f"lh_{secrets.token_urlsafe(32)}"


class KeyRing:
    """Knows the key in API_KEY_FILE, which has every scope. The file is read again when it changes."""

    def __init__(self, file: Path | None) -> None:
        self._file, self._read_at, self._digest = file, -1.0, b""

    def knows(self, key: str) -> bool:
        if self._file is None or not self._file.exists():
            return False
        changed_at = self._file.stat().st_mtime
        if changed_at != self._read_at:
            self._digest, self._read_at = _digest(self._file.read_text().strip()), changed_at
        return hmac.compare_digest(_digest(key), self._digest)

    async def __call__(self, request: Request) -> None:
        """FastAPI dependency of every route that is not public."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not self.knows(key.strip()):
            raise Problem(401, "Send a valid API key as: Authorization: Bearer <key>.", {"WWW-Authenticate": "Bearer"})


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


class Signer:
    """Opaque links: the content is readable, but only we can have written it."""

    def __init__(self, key: bytes, *, purpose: str) -> None:
        self._key = hmac.digest(key, purpose.encode(), "sha256")

    def sign(self, content: str) -> str:
        body = base64.urlsafe_b64encode(content.encode()).rstrip(b"=").decode()
        return f"{body}.{self._seal(body)}"

    def open(self, token: str) -> str | None:
        """The content, or None for a token we did not write."""
        body, _, seal = token.partition(".")
        try:
            if not hmac.compare_digest(seal.encode(), self._seal(body).encode()):
                return None
            return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()
        except ValueError:
            return None

    def _seal(self, body: str) -> str:
        return base64.urlsafe_b64encode(hmac.digest(self._key, body.encode(), "sha256")[:18]).decode()


def load_secret(file: Path | None, fallback: Path) -> bytes:
    """The installation's secret; in the embedded default one is made and kept."""
    path = file or fallback
    if file is None and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{secrets.token_hex(4)}")
        temporary.touch(mode=0o600)
        temporary.write_text(secrets.token_urlsafe(48))
        try:
            path.hardlink_to(temporary)  # the first of several processes wins
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    return path.read_text().strip().encode()
