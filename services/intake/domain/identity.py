"""Who is this? The same phone or the same email is the same person, unless last names conflict on a shared phone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

SHARED_BY_TOO_MANY = 20  # a key more persons than this share says nothing any more
Key = tuple[str, str]  # ("phone", "+14195552001") or ("email", "ada@example.net")


@dataclass(slots=True)
class Known:
    """What is known of the keys in hand: who has them, under which last names."""

    holders: dict[Key, dict[UUID, str]] = field(default_factory=dict)

    def add(self, key: Key, person_id: UUID, last_name: str) -> None:
        self.holders.setdefault(key, {})[person_id] = last_name


@dataclass(frozen=True, slots=True)
class Identity:
    """The person, or None for a new one; and a person who may be the same, for people to look at."""

    person_id: UUID | None
    conflict: UUID | None = None


def keys_of(fields: Mapping[str, str]) -> list[Key]:
    """Email first: fewer people share one."""
    keys = []
    if email := fields.get("email"):
        keys.append(("email", email.casefold()))
    if phone := fields.get("phone"):
        keys.append(("phone", phone))
    return keys


def identify(keys: Iterable[Key], last_name: str, known: Known) -> Identity:
    """The person these keys belong to. The oldest matching person wins (ids rise with time)."""
    conflict: UUID | None = None
    for key in keys:
        holders = known.holders.get(key, {})
        if len(holders) > SHARED_BY_TOO_MANY:
            continue
        matching = [person for person, name in holders.items() if key[0] == "email" or _may_be_same(name, last_name)]
        if matching:
            return Identity(min(matching))
        if holders:
            conflict = min(holders)
    return Identity(None, conflict)


def _may_be_same(one: str, other: str) -> bool:
    return not one or not other or one.casefold() == other.casefold()
