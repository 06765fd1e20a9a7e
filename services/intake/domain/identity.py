"""Who is this? The same phone or the same email is the same person, unless last names conflict on a shared phone."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

SHARED_BY_TOO_MANY = 20  # a key more people than this share says nothing any more
DOTS_DO_NOT_COUNT = {"gmail.com": "gmail.com", "googlemail.com": "gmail.com"}
Key = tuple[str, str]  # ("phone", "+14195552001"), ("email", "ada@example.net") or ("alias", …), which only suggests
Pair = frozenset[UUID]


@dataclass(slots=True)
class Known:
    """What is known of the keys in hand: who has them, under which last names, and who must stay apart. `names`: those
    that people who may be joined have on other keys."""

    holders: dict[Key, dict[UUID, set[str]]] = field(default_factory=dict)
    apart: set[Pair] = field(default_factory=set)
    names: dict[UUID, set[str]] = field(default_factory=dict)

    def add(self, key: Key, person_id: UUID, name: str) -> None:
        self.holders.setdefault(key, {}).setdefault(person_id, set()).add(name)

    def has(self, key: Key, person_id: UUID, name: str) -> bool:
        return name in self.holders.get(key, {}).get(person_id, ())

    def is_crowded(self, key: Key) -> bool:
        return sum(len(names) for names in self.holders.get(key, {}).values()) > SHARED_BY_TOO_MANY

    def names_of(self, person_id: UUID) -> set[str]:
        here = {name for people in self.holders.values() for name in people.get(person_id, ())}
        return here | self.names.get(person_id, set())

    def join(self, person_id: UUID, into: UUID) -> None:
        """From now on in this batch the two are one."""
        for people in (*self.holders.values(), self.names):
            if person_id in people:
                people.setdefault(into, set()).update(people.pop(person_id))


@dataclass(frozen=True, slots=True)
class Identity:
    """The person, or None for a new one; who turned out to be the same; and who may be, for people to look at."""

    person_id: UUID | None
    same: tuple[UUID, ...] = ()
    maybe: tuple[tuple[UUID, str], ...] = ()


def keys_of(fields: Mapping[str, str]) -> list[Key]:
    """Email first: fewer people share one."""
    keys = []
    if email := fields.get("email"):
        keys.append(("email", unicodedata.normalize("NFC", email.lower())))
    if phone := fields.get("phone"):
        keys.append(("phone", phone))
    return keys


def alias_of(email: str) -> str:
    """The mailbox most providers would deliver to: without a +tag, and at Google without dots."""
    local, _, domain = email.rpartition("@")
    bare = local.partition("+")[0] or local
    if domain in DOTS_DO_NOT_COUNT:
        bare, domain = bare.replace(".", "") or bare, DOTS_DO_NOT_COUNT[domain]
    return f"{bare}@{domain}"


def suggesting_keys(keys: Iterable[Key]) -> list[Key]:
    """Where somebody with another spelling of this mailbox would be found."""
    found = []
    for kind, value in keys:
        if kind == "email":
            alias = alias_of(value)
            found += [("alias", alias)] if alias == value else [("alias", alias), ("email", alias)]
    return found


def keys_to_keep(keys: Iterable[Key]) -> list[Key]:
    """The keys themselves, and the mailbox behind an email that is spelled otherwise."""
    kept = list(keys)
    aliases = [("alias", alias_of(value)) for kind, value in kept if kind == "email" and alias_of(value) != value]
    return kept + aliases


def fold_name(name: str) -> str:
    """How last names are compared: whatever their case, composition, spaces and punctuation."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    kept = (letter for letter in folded if unicodedata.category(letter)[0] in "LMNS" and unicodedata.category(letter) != "Sk")
    return unicodedata.normalize("NFC", "".join(kept))


def identify(keys: Iterable[Key], last_name: str, known: Known) -> Identity:
    """The person these keys belong to. Two persons linked by one submission are the same unless their names conflict or
    people said they are not; a doubt never stops anything, it becomes a task."""
    keys, name = list(keys), fold_name(last_name)
    found: list[UUID] = []
    maybe: dict[UUID, str] = {}
    for key in keys:
        holders = {} if known.is_crowded(key) else known.holders.get(key, {})
        match = _best(holders, name, whatever_name=key[0] == "email")
        if match is not None:
            found.append(match)
        elif holders:
            maybe[min(holders)] = "one phone, two last names"
    person_id = found[0] if found else None
    same = []
    for other in found[1:]:
        if person_id is None or other == person_id or frozenset((person_id, other)) in known.apart:
            continue
        if _may_be_same(known.names_of(person_id), known.names_of(other)):
            same.append(other)
        else:
            maybe[other] = "the email of one, the phone of another"
    for other in _with_the_same_mailbox(keys, name, known):
        maybe.setdefault(other, "emails that differ only in dots or a tag")
    skipped = {person_id, *same}
    doubts = [(other, why) for other, why in maybe.items() if other not in skipped]
    return Identity(person_id, tuple(same), tuple(one for one in doubts if not _is_apart(person_id, one[0], known)))


def _best(holders: Mapping[UUID, set[str]], name: str, *, whatever_name: bool) -> UUID | None:
    """Who has this very name, else who may have it, else (an email) anybody; of several the oldest: ids rise with time."""
    exact = [person for person, names in holders.items() if name and name in names]
    possible = [person for person, names in holders.items() if _may_be_same(names, {name})]
    return min(exact or possible or (holders if whatever_name else ()), default=None)


def _may_be_same(some: set[str], others: set[str]) -> bool:
    some, others = some - {""}, others - {""}
    return bool(some & others) or not some or not others


def _with_the_same_mailbox(keys: list[Key], name: str, known: Known) -> list[UUID]:
    found = []
    for key in suggesting_keys(keys):
        if not known.is_crowded(key):
            people = known.holders.get(key, {})
            found += [person for person, names in people.items() if _may_be_same(names, {name})][:1]
    return found


def _is_apart(person_id: UUID | None, other: UUID, known: Known) -> bool:
    return person_id is not None and frozenset((person_id, other)) in known.apart
