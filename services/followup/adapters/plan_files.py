"""A plan as a file: TOML with a strict schema. What is wrong is said with its line and what to do."""

import difflib
import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from services.followup.adapters.plan_build import Wrong, build_plan
from services.followup.adapters.plan_schema import PlanFile, known_keys
from services.followup.adapters.rendering import FOLDER
from services.followup.domain.plans import Plan

SHIPPED = Path(__file__).parent.parent / "plans"
MAX_PLAN, MAX_TEMPLATE = 100_000, 20_000
_HEADER = re.compile(r"\s*\[+([^\]]+)\]")
_KEY = re.compile(r"\s*([\w\"'.-]+)\s*=")


@dataclass(frozen=True, slots=True)
class Complaint:
    """Something wrong with a plan: where, and what to do."""

    line: int
    place: str
    sentence: str

    def __str__(self) -> str:
        return f"line {self.line}, {self.place}: {self.sentence}"


class PlanError(ValueError):
    """The text is not a plan."""

    def __init__(self, complaints: Sequence[Complaint]) -> None:
        super().__init__("\n".join(map(str, complaints)))
        self.complaints = list(complaints)


@dataclass(frozen=True, slots=True)
class PlanText:
    """A plan with its mails: what a version consists of, and the hash that names it."""

    plan: Plan
    text: str
    templates: Mapping[str, str]

    @property
    def sha256(self) -> str:
        parts = [self.text.replace("\r\n", "\n"), *(f"{name}\0{source}" for name, source in sorted(self.templates.items()))]
        return hashlib.sha256("\0\0".join(parts).encode()).hexdigest()


def read_plan(text: str) -> Plan:
    """Raises PlanError with everything that is wrong."""
    if len(text) > MAX_PLAN:
        raise PlanError([Complaint(1, "the file", f"A plan has at most {MAX_PLAN} characters.")])
    try:
        return build_plan(PlanFile.model_validate(tomllib.loads(text)))
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise PlanError([Complaint(int(line[1]) if line else 1, "the file", f"This is not TOML: {error}.")]) from error
    except ValidationError as error:
        found = [_complaint(text, one) for one in error.errors(include_url=False)]
        raise PlanError(sorted(found, key=lambda one: one.line)) from error
    except Wrong as error:
        raise PlanError([Complaint(line_of(text, error.path), ".".join(error.path), str(error))]) from error


def read_plan_file(file: Path) -> PlanText:
    """The plan and every template its steps name: those beside the file come before the shipped ones."""
    text = _read(file)
    plan = read_plan(text)
    return PlanText(plan, text, {name: source for step in plan.steps for name, source in _templates(step.template, file.parent)})


def _templates(name: str, beside: Path) -> list[tuple[str, str]]:
    """A name with {trade}, {mm} or {yyyy} stands for every template that fits."""
    pattern = re.sub(r"\{\w+\}", "*", name)
    found = {file.stem: file for folder in (FOLDER, beside / "templates") for file in sorted(folder.glob(f"{pattern}.md"))}
    return [(stem, _read(file)[:MAX_TEMPLATE]) for stem, file in found.items()]


def _read(file: Path) -> str:
    """What an editor saved, with a byte order mark or without."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise PlanError([Complaint(1, file.name, "This is not UTF-8: save it as UTF-8.")]) from error


def line_of(text: str, path: Sequence[str]) -> int:
    """The line of a key, or of the innermost table around it that can be found."""
    header: tuple[str, ...] = ()
    best, best_line = 0, 1
    for number, line in enumerate(text.splitlines(), 1):
        if found := _HEADER.match(line):
            header = _parts(found[1])
            here = header
        elif found := _KEY.match(line):
            here = (*header, *_parts(found[1]))
        else:
            continue
        if len(here) > best and tuple(path[: len(here)]) == here:
            best, best_line = len(here), number
    return best_line


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def _complaint(text: str, error: Any) -> Complaint:
    path = [str(part) for part in error["loc"] if not str(part).startswith(("function-", "str", "list[", "dict["))]
    place = ".".join(path) or "the file"
    if path == ["company"]:
        return Complaint(line_of(text, path), place, "The company is in the agreement, and only there: take this table out.")
    if error["type"] == "extra_forbidden":
        known = known_keys(path)
        near = difflib.get_close_matches(path[-1], known, 1)
        hint = f"did you mean {near[0]}?" if near else f"known here are {', '.join(known)}."
        return Complaint(line_of(text, path), place, f"There is no key {path[-1]}; {hint}")
    if error["type"] == "missing":
        return Complaint(line_of(text, path[:-1]), place, f"{path[-1]} is missing: add it.")
    sentence = error["msg"].removeprefix("Value error, ")
    return Complaint(line_of(text, path), place, sentence[:1].upper() + sentence[1:] + ".")
