"""Keyed hashes: they recognise somebody who was erased, and name nobody."""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hasher:
    secret: bytes

    def of(self, *parts: str) -> bytes:
        text = "\0".join(("erased", *parts)).encode("utf-8", "surrogatepass")
        return hmac.new(self.secret, text, hashlib.sha256).digest()

    def of_persons(self, person_ids: Iterable[object]) -> list[bytes]:
        return [self.of("person", str(person_id)) for person_id in person_ids]
