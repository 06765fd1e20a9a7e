"""Which rule a lead fits. Rules are data: sets, prefixes, equality and ranges, no code.

What is kept of a lead is what rules ask about it: its areas instead of its postal code, which answers fit, and of what it
asked for only what is one of the selections.
"""

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from services.handoff.domain.origin import origin_of
from services.handoff.domain.policy import Policy, Rule

_ZIP_PLUS_4 = re.compile(r"(\d{5})-\d{4}")


@dataclass(frozen=True, slots=True)
class Facets:
    """A lead as rules and reps see it. `answers`: the rules whose tests of answers it fits."""

    tier: str
    selection: str = ""
    form: str = ""
    source: str = ""
    language: str = ""
    areas: tuple[str, ...] = ()
    has_area: bool = False
    answers: tuple[str, ...] = ()

    def as_record(self) -> dict[str, Any]:
        values = ((name, getattr(self, name)) for name in self.__slots__)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values if value}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Facets":
        values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in record.items()}
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Match:
    rule: Rule
    missed: tuple[str, ...]


def facets_of(policy: Policy, snapshot: Mapping[str, Any], tier: str) -> Facets:
    answers, asked = snapshot.get("answers") or {}, snapshot.get("selection") or ""
    code = postal_code(snapshot["contact"].get("postal_code"))
    return Facets(
        tier=tier,
        selection=asked if asked in policy.selections else "",
        form=snapshot.get("form") or "",
        source=origin_of(snapshot.get("attribution") or {}, referred=bool(snapshot.get("referred_by")))["source"],
        language=language_key(answers.get("language")),
        areas=areas_of(policy, code),
        has_area=bool(code),
        answers=tuple(rule.name for rule in policy.rules if rule.answers and _fits_answers(rule.answers, answers)),
    )


def choice_of(said: str, choices: Container[str]) -> str:
    """What they want, as it may be kept and shown: what is no choice of the agreement may name somebody, and is a question."""
    return said if not said or said in choices else "question"


def postal_code(text: str | None) -> str:
    """As sets name it: capitals, no spaces, without the four digits after the dash."""
    code = "".join((text or "").upper().split())
    plus_4 = _ZIP_PLUS_4.fullmatch(code)
    return plus_4[1] if plus_4 else code


def reason_key(text: str) -> str:
    """Reasons are compared as words: `Out_of-area` is `out of area`."""
    return " ".join(text.lower().replace("_", " ").replace("-", " ").split())


def language_key(said: Any) -> str:
    """Languages are compared by their first part: `es-MX` is `es`. Where several were named the first counts."""
    first = next(iter(said), "") if isinstance(said, list) else said
    return str(first or "").strip().lower().replace("_", "-").partition("-")[0]


def areas_of(policy: Policy, code: str) -> tuple[str, ...]:
    if not code:
        return ()
    found = {*policy.codes.get(code, ()), *(name for prefix, name in policy.prefixes if code.startswith(prefix))}
    return tuple(sorted(found))


@lru_cache(maxsize=4096)
def match_rule(policy: Policy, lead: Facets) -> Match:
    """The first rule that fits. The agreement guarantees that the last one does."""
    missed: list[str] = []
    for rule in policy.rules:
        if fits(rule, lead):
            return Match(rule, tuple(missed))
        missed.append(rule.name)
    raise ValueError("no rule fits: the last rule of an agreement must fit every lead")


def fits(rule: Rule, lead: Facets) -> bool:
    return (
        (not rule.selection or lead.selection in rule.selection)
        and (not rule.tier or lead.tier in rule.tier)
        and (not rule.form or lead.form in rule.form)
        and (not rule.source or lead.source in rule.source)
        and (not rule.language or lead.language in rule.language)
        and (not rule.answers or rule.name in lead.answers)
        and all(not names.isdisjoint(lead.areas) for names in rule.areas)
    )


def _fits_answers(tests: Sequence[tuple[str, Any]], answers: Mapping[str, Any]) -> bool:
    return all(name in answers and _fits(test, answers[name]) for name, test in tests)


def _fits(test: Any, answer: Any) -> bool:
    """`test` is a value, a list of values, or (at_least, at_most). Of several answers one must fit."""
    if isinstance(answer, list):
        return any(_fits(test, one) for one in answer)
    if isinstance(test, tuple):
        number = _number(answer)
        low, high = test
        return number is not None and (low is None or number >= low) and (high is None or number <= high)
    if isinstance(test, list):
        return any(_fits(one, answer) for one in test)
    if isinstance(test, bool) or isinstance(answer, bool):
        return _yes_or_no(test) is not None and _yes_or_no(test) == _yes_or_no(answer)
    if isinstance(test, int | float):
        return _number(answer) == test
    return isinstance(answer, str) and answer.strip().lower() == test.strip().lower()


def _number(answer: Any) -> float | None:
    """Forms send text: "1,200" is a number."""
    if isinstance(answer, bool):
        return None
    if isinstance(answer, int | float):
        return float(answer)
    try:
        return float(str(answer).replace(",", "").strip())
    except ValueError:
        return None


def _yes_or_no(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}.get(str(value).strip().lower())
