"""How senders sign. Everything is compared as bytes in constant time: what came in a header need not be ASCII."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from secrets import token_bytes

from services.intake.adapters.senders.post import Post

TOLERANCE = timedelta(minutes=5)


def same(given: str, expected: str | bytes) -> bool:
    expected = expected.encode("utf-8", "surrogatepass") if isinstance(expected, str) else expected
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected)


def hex_sha256(secret: str, message: bytes) -> str:
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def base64_digest(secret: str | bytes, message: bytes, algorithm: str = "sha256") -> str:
    key = secret.encode() if isinstance(secret, str) else secret
    return base64.b64encode(hmac.new(key, message, algorithm).digest()).decode()


def by_header(header: str, prefix: str, sign: Callable[[str, bytes], str]) -> Callable[[Post, Sequence[str]], bool]:
    """A verifier of `header: prefix<signature of the body>`."""

    def verify(post: Post, secrets: Sequence[str]) -> bool:
        given = post.headers.get(header, "")
        return any(same(given, prefix + sign(secret, post.body)) for secret in secrets)

    return verify


def presented(post: Post, secrets: Sequence[str]) -> bool:
    """The secret itself, in the header the sender lets its user fill in: Authorization or X-Webhook-Secret."""
    scheme, _, rest = post.headers.get("authorization", "").partition(" ")
    shown = [post.headers.get("x-webhook-secret", ""), post.headers.get("authorization", "")]
    if scheme.lower() == "bearer":
        shown.append(rest.strip())
    if scheme.lower() == "basic":
        shown.append(_decoded(rest))
    return any(same(one, secret) for one in shown for secret in secrets)


def _decoded(basic: str) -> str:
    try:
        return base64.b64decode(basic.strip(), validate=True).decode("utf-8", "replace")
    except (ValueError, binascii.Error):
        return ""


def standard_webhook(post: Post, secrets: Sequence[str]) -> bool:
    """standardwebhooks.com: base64 HMAC of id.timestamp.body, several signatures in one header, five minutes old at most."""
    given_id, stamp = post.headers.get("webhook-id", ""), post.headers.get("webhook-timestamp", "")
    signatures = post.headers.get("webhook-signature", "").split(" ")
    if not given_id or not is_fresh(stamp, post, per_second=1):
        return False
    message = f"{given_id}.{stamp}.".encode("utf-8", "surrogatepass") + post.body
    expected = [f"v1,{base64_digest(key, message)}" for secret in secrets if (key := _key_of(secret))]
    return any(same(one, wanted) for one in signatures for wanted in expected)


def standard_secret() -> str:
    """A new one, as standardwebhooks.com writes it."""
    return "whsec_" + base64.b64encode(token_bytes(32)).decode()


def is_standard_secret(secret: str) -> bool:
    return bool(_key_of(secret))


def _key_of(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (ValueError, binascii.Error):
        return b""


def hubspot(post: Post, secrets: Sequence[str]) -> bool:
    """v3 (method, address, body and time, five minutes old at most); v2 and v1 are a digest of secret and request."""
    signature, stamp = post.headers.get("x-hubspot-signature-v3"), post.headers.get("x-hubspot-request-timestamp", "")
    if signature is not None:
        message = post.method.encode() + post.url.encode() + post.body + stamp.encode("utf-8", "surrogatepass")
        fresh = is_fresh(stamp, post, per_second=1000)
        return any(same(signature, base64_digest(secret, message)) for secret in secrets) and fresh
    request = (post.method + post.url).encode() if post.headers.get("x-hubspot-signature-version") == "v2" else b""
    given = post.headers.get("x-hubspot-signature", "")
    return any(same(given, hashlib.sha256(secret.encode() + request + post.body).hexdigest()) for secret in secrets)


def is_fresh(stamp: str, post: Post, *, per_second: int) -> bool:
    if not re.fullmatch(r"[0-9]{1,16}", stamp):
        return False
    return abs(post.at.timestamp() - int(stamp) / per_second) <= TOLERANCE.total_seconds()
