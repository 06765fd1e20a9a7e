"""Signs mails (RFC 6376, relaxed/relaxed): rsa-sha256 or ed25519-sha256, whichever the key is."""

import base64
import hashlib
import re
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from shared.mail import Headers

SIGNED: tuple[str, ...] = (
    "From",
    "To",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "Feedback-ID",
    "Auto-Submitted",
)
SIGNED += ("List-Unsubscribe", "List-Unsubscribe-Post")  # RFC 8058: one-click counts only where a signature covers both
TWICE = ("From", "To", "Subject", "Date", "Reply-To")  # named once more than they are: a second one breaks the signature
_SPACES = re.compile(r"[ \t]+")


class Dkim:
    """One key of one domain."""

    def __init__(self, key_file: Path, *, selector: str, domain: str) -> None:
        key = load_pem_private_key(key_file.read_bytes(), password=None)
        if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
            raise ValueError("a DKIM key is an RSA or an Ed25519 key in PEM")
        self._key, self._selector, self._domain = key, selector, domain
        self.algorithm = "rsa-sha256" if isinstance(key, RSAPrivateKey) else "ed25519-sha256"

    def signature(self, headers: Headers, body: bytes, *, at: int) -> str:
        """The value of the DKIM-Signature header that goes before these headers."""
        present = dict(headers)
        names = [name for name in SIGNED if name in present]
        body_hash = base64.b64encode(hashlib.sha256(_relaxed_body(body)).digest()).decode()
        value = (
            f"v=1; a={self.algorithm}; c=relaxed/relaxed; d={self._domain}; s={self._selector}; t={at};\r\n"
            f" h={':'.join(names[:6])}:\r\n  {':'.join([*names[6:], *TWICE])};\r\n bh={body_hash};\r\n b="
        )
        lines = [_relaxed(name, present[name]) for name in names] + [_relaxed("DKIM-Signature", value).removesuffix("\r\n")]
        signed = base64.b64encode(self._sign("".join(lines).encode())).decode()
        return value + "\r\n  ".join(signed[start : start + 72] for start in range(0, len(signed), 72))

    def _sign(self, content: bytes) -> bytes:
        if isinstance(self._key, RSAPrivateKey):
            return self._key.sign(content, PKCS1v15(), SHA256())
        return self._key.sign(hashlib.sha256(content).digest())  # RFC 8463


def _relaxed(name: str, value: str) -> str:
    return f"{name.lower()}:{_SPACES.sub(' ', value.replace(chr(13) + chr(10), '')).strip()}\r\n"


def _relaxed_body(body: bytes) -> bytes:
    """Spaces at line ends and empty lines at the end do not count; runs of spaces are one."""
    text = re.sub(rb"[ \t]+(?=\r\n)", b"", body)
    text = re.sub(rb"[ \t]+", b" ", text)
    return text.rstrip(b"\r\n") + b"\r\n" if text.strip(b"\r\n") else b""
