"""What a person allows now: the fold of everything they ever answered. Nothing is overwritten, the latest answer counts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

TOLD = ("text_version", "text_sha256", "checkbox", "seller", "form", "form_version", "page_url", "at")


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to one question. No purpose means every purpose. `evidence`: what others are told of it, by TOLD."""

    channel: str
    purpose: str | None
    granted: bool
    text: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict, compare=False)


def evidence(form_version: int, **found: str | None) -> dict[str, str]:
    """What consent was given on: printable and short; what nobody said is left out."""
    texts = {name: "".join(one for one in value if one.isprintable())[:500] for name, value in found.items() if value}
    return {**texts, "form_version": str(form_version)}


def told_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """For others: of the page its place, for what stands behind a `?` may name somebody."""
    told = {name: row[name] for name in TOLD if row[name] is not None}
    if page := told.get("page_url"):
        told["page_url"] = page.partition("?")[0].partition("#")[0]
    return told


def current(answers: Iterable[Answer]) -> list[Answer]:
    """What stands, from answers in the order they were given. An answer for every purpose replaces all earlier ones of its
    channel; an answer for one purpose stands beside it, except that it grants nothing where nothing at all was wanted."""
    standing: dict[tuple[str, str | None], Answer] = {}
    for answer in answers:
        if answer.purpose is None:
            standing = {key: one for key, one in standing.items() if key[0] != answer.channel}
        standing[answer.channel, answer.purpose] = answer
    return list(standing.values())


def allowed(answers: Iterable[Answer], channel: str, purpose: str) -> bool | None:
    """Whether this may be sent; None where they were never asked, which leaves the basis of an existing client."""
    by_purpose = {one.purpose: one.granted for one in current(answers) if one.channel == channel}
    if by_purpose.get(None) is False:
        return False
    return by_purpose.get(purpose, by_purpose.get(None))


def in_order(answers: Iterable[Answer]) -> list[Answer]:
    """As they were given, whenever they came to us: what was set aside and released is older than it looks."""
    return sorted(answers, key=_moment)


def is_taken_back(grant: Answer, answers: Iterable[Answer]) -> bool:
    """Whether it was refused later, for its purpose or for every one."""
    later = (one for one in answers if one.channel == grant.channel and _moment(one) > _moment(grant))
    return any(not one.granted and one.purpose in (None, grant.purpose) for one in later)


def said_and_revoked(said: Iterable[Answer], earlier: Iterable[Answer]) -> list[Answer]:
    """What a submission said, but for a yes that was taken back since; and what its person refused and did not grant anew."""
    said, earlier = list(said), list(earlier)
    told = [one for one in said if not one.granted or not is_taken_back(one, earlier)]
    refused = [one for one in current(in_order([*earlier, *said])) if not one.granted]
    return in_order([*told, *(one for one in refused if all(one is not mine for mine in said))])


def _moment(answer: Answer) -> tuple[bool, Any]:
    at = answer.evidence.get("at")
    return at is not None, at
