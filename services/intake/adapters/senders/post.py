"""What a sender posted, and what was read from it. A sender is verified on the raw bytes before anything is parsed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Post:
    """One request, as it came. Header names are in lower case."""

    method: str
    url: str  # as the sender knows it: some sign it
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """One lead as the sender tells it, under our names where it can be known. `held`: why people must look first."""

    values: Values
    provider_id: str | None = None
    held: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A lead whose answers must still be fetched."""

    provider_id: str
    content: Values


@dataclass(frozen=True, slots=True)
class Heard:
    """Everything in one post."""

    readings: Sequence[Reading] = ()
    notices: Sequence[Notice] = field(default=())


class NotUnderstood(ValueError):
    """The payload is not one this adapter knows; the sentence says what is missing."""


class Sender(Protocol):
    """One kind of sender: how it proves itself and how its payload reads."""

    @property
    def needs_secret(self) -> bool:
        """Whether it can be verified only with a secret; the others have their endpoint's id, which cannot be guessed."""

    def verify(self, post: Post, secrets: Sequence[str]) -> bool: ...

    def read(self, values: Values, post: Post) -> Heard: ...
