"""Secrets an installation makes for itself, and tokens signed with them."""

import base64
import hmac
import secrets
from pathlib import Path


def new_api_key() -> str:
    return f"lh_{secrets.token_urlsafe(32)}"


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


class NoSecret(Exception):
    """The file that is named is not there, and each replica with a secret of its own would break the others' links."""


def load_secret(file: Path | None, fallback: Path) -> bytes:
    """The installation's secret; where no file is named one is made and kept. Raises NoSecret."""
    path = file or fallback
    if file is not None and not file.exists():
        raise NoSecret(
            f"SECRET_KEY_FILE names {file}, which is not there. It holds the installation's one secret, the same for every "
            "replica, that is never lost: for example 64 characters of `openssl rand -hex 32`."
        )
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
