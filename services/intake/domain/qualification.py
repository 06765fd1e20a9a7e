"""What a lead earns and whether it is qualified, by the agreement. Every point is a line one can read."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from string import ascii_uppercase, digits
from typing import Any, Protocol

from services.intake.domain.scoring import Line, Score, evaluate


class Selection(Protocol):
    @property
    def intent(self) -> int: ...
    @property
    def hand_raise(self) -> bool: ...


class AnswerPoints(Protocol):
    @property
    def answer(self) -> str: ...
    @property
    def values(self) -> list[str]: ...
    @property
    def points(self) -> int: ...
    @property
    def axis(self) -> str: ...


class Points(Protocol):
    """The numbers of the agreement's [score]; the others are read by the name of their rule."""

    @property
    def long_message(self) -> int: ...
    @property
    def hot_sources(self) -> list[str]: ...
    @property
    def answers(self) -> Sequence[AnswerPoints]: ...
    @property
    def group_cap(self) -> int: ...
    @property
    def half_life_days(self) -> int: ...
    @property
    def grades(self) -> list[int]: ...
    @property
    def qualifies_at(self) -> int: ...
    @property
    def hot_at(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Terms:
    """What the agreement says about qualifying a lead."""

    points: Points
    selections: Mapping[str, Selection]
    area: Collection[str]
    shapes: Collection[str]  # of the codes of the area

    def selection(self, choice: str) -> Selection | None:
        return self.selections.get(choice) or self.selections.get("question")


@dataclass(frozen=True, slots=True)
class History:
    """What we knew of the person when the hand was raised."""

    is_client: bool = False
    is_repeat: bool = False
    was_not_interested: bool = False
    is_disposable: bool = False  # the email


@dataclass(frozen=True, slots=True)
class Verdict:
    """stage: mql, nurturing or disqualified; `reason` where it is disqualified."""

    stage: str
    tier: str
    reason: str | None = None


_SHAPE = str.maketrans(digits + ascii_uppercase, "0" * 10 + "A" * 26)
_ZIP_PLUS_4 = re.compile(r"\d{5}-?\d{4}", re.ASCII)
REASONS = {
    "in_area": ("fit", "area", "in the service area"),
    "area_unknown": ("fit", "area", "area unknown"),
    "service_offered": ("fit", "service", "service offered"),
    "valid_phone": ("fit", "contact", "valid phone"),
    "valid_email": ("fit", "contact", "valid email"),
    "disposable_email": ("fit", "contact", "disposable email"),
    "existing_client": ("fit", "relation", "existing client"),
    "long_message": ("intent", "engagement", "wrote a message"),
    "phone_call": ("intent", "engagement", "called us"),
    "repeat": ("intent", "engagement", "reached out again"),
    "hot_source": ("intent", "source", "hot source"),
    "not_interested": ("intent", "relation", "said before: not interested"),
}


def lines_of(content: Mapping[str, Any], history: History, terms: Terms, at: datetime) -> list[Line]:
    """Everything this submission earns."""
    fields, answers, points = content["fields"], content.get("answers", {}), terms.points
    earned = ["service_offered", *(f"valid_{name}" for name in ("phone", "email") if fields.get(name))]
    if not is_outside(fields, terms):
        known = not terms.area or bool(codes_in(fields.get("postal_code", ""), terms.shapes))
        earned.append("in_area" if known else "area_unknown")
    checks = {
        "disposable_email": history.is_disposable,
        "existing_client": history.is_client,
        "long_message": len(fields.get("message", "")) > 20,
        "phone_call": "duration" in answers and "answered" in answers,  # as services that log calls say it
        "repeat": history.is_repeat,
        "hot_source": content["attribution"].get("utm_source", "").casefold() in points.hot_sources,
        "not_interested": history.was_not_interested,
    }
    earned += [rule for rule, holds in checks.items() if holds]
    lines = [line_of(rule, points, at) for rule in earned]
    lines += _answer_lines(answers, points, at)
    choice = fields.get("selection", "")
    selection = terms.selection(choice)
    asked = Line("intent", "request", "selection", f"asked for {choice or 'something'}"[:100], selection.intent, at)  # type: ignore[union-attr]
    return [*lines, asked] if selection else lines


def line_of(rule: str, points: Points, at: datetime) -> Line:
    """A line worth what the agreement says under the rule's name."""
    axis, kind, reason = REASONS[rule]
    return Line(axis, kind, rule, reason, getattr(points, rule), at)


def reprice(earlier: Sequence[Line], row: Mapping[str, Any], terms: Terms) -> list[Line]:
    """The same history by another agreement: what the submission earned, and what came later."""
    at = row["received_at"]
    first = {line.rule for line in earlier if line.at <= at}
    history = History(*(rule in first for rule in ("existing_client", "repeat", "not_interested", "disposable_email")))
    later = [line_of(line.rule, terms.points, line.at) for line in earlier if line.at > at]
    return [*lines_of(row["content"], history, terms, at), *later]


def _answer_lines(answers: Mapping[str, Any], points: Points, at: datetime) -> list[Line]:
    given = {name: str(value).strip().casefold() for name, value in answers.items() if isinstance(value, str | int | bool)}
    return [
        Line(rule.axis, "answers", f"answer:{rule.answer}"[:100], f"answered {rule.answer}"[:100], rule.points, at)
        for rule in points.answers
        if given.get(rule.answer) in {value.casefold() for value in rule.values}
    ]


def is_outside(fields: Mapping[str, str], terms: Terms) -> bool:
    codes = codes_in(fields.get("postal_code", ""), terms.shapes) if terms.area else ()
    return bool(codes) and not any(code in terms.area for code in codes)


def codes_in(text: str, shapes: Collection[str]) -> set[str]:
    """What may be meant as the code: what has the shape of one of the area, or else a text whose every word has a digit.

    So a street with its number is none, nor is "n/a" or a town.
    """
    words = text.replace(",", " ").split()
    numbered = [any(map(str.isdigit, word)) for word in words]
    if not any(numbered):
        return set()
    codes = {bare_postal_code(one) for one in (text, *words)}
    return {code for code in codes if shape_of(code) in shapes} or ({bare_postal_code(text)} if all(numbered) else set())


def shape_of(code: str) -> str:
    """Where a bare code has digits and where letters: 43004 is like 90210."""
    return code.translate(_SHAPE)


def bare_postal_code(postal_code: str) -> str:
    """As codes compare: in capitals, without spaces, and a ZIP+4 by its ZIP."""
    bare = "".join(postal_code.upper().split())
    return bare[:5] if _ZIP_PLUS_4.fullmatch(bare) else bare


def score_lines(lines: Sequence[Line], at: datetime, points: Points) -> Score:
    return evaluate(lines, at, half_life_days=points.half_life_days, cap=points.group_cap, grades=points.grades)


def judge(fields: Mapping[str, str], score: Score, terms: Terms) -> Verdict:
    """Hand-raisers are never gated by their score: it only sets the tier. Out of the area is no lead of ours."""
    choice = fields.get("selection", "")
    selection = terms.selection(choice)
    tier = "P1" if choice == "emergency" else "P2" if score.score >= terms.points.hot_at else "P3"
    if is_outside(fields, terms):
        return Verdict("disqualified", tier, "out_of_area")
    raised = selection is None or selection.hand_raise
    return Verdict("mql" if raised or score.score >= terms.points.qualifies_at else "nurturing", tier)
