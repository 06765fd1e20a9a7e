"""A roster as a spreadsheet: every line is read, and what is wrong with each is said."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from services.handoff.use_cases.rep_changes import NewRep
from shared.agreement import hours_from_text

LISTS = ("skills", "languages", "licences", "territories")
WORDS = ("name", "email", "zone", "holidays", "max_open", "max_per_day", "manager", "on_call")
COLUMNS = ("pool", "weight", "hours", *LISTS, *WORDS)
PARTED_BY = ",;\t"  # a spreadsheet takes what its country does


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the file: a rep, or what is wrong with it."""

    number: int
    rep: NewRep | None
    wrong: str = ""


def read_roster(file: Path) -> list[Line]:
    """Raises ClickException where it is no table with the columns we know."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            delimiter = max(PARTED_BY, key=opened.readline().count)
            opened.seek(0)
            reader = csv.DictReader(opened, skipinitialspace=True, delimiter=delimiter)
            names = [(name or "").strip().lower() for name in reader.fieldnames or ()]
            _check_columns(names)
            rows = [(reader.line_num, row.pop(None, []), dict(zip(names, row.values(), strict=True))) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise click.ClickException(f"{file.name} is not a table in UTF-8: save it as CSV.") from error
    lines = [_line(number, row, any(map(filled, more))) for number, more, row in rows if any(map(filled, (*row.values(), *more)))]
    return _without_twins(lines)


def _check_columns(names: list[str]) -> None:
    if unknown := [name for name in names if name not in COLUMNS]:
        raise click.ClickException(f"The column {unknown[0]!r} is not known; these are: {', '.join(COLUMNS)}.")
    if twice := [name for name in names if names.count(name) > 1]:
        raise click.ClickException(f"The column {twice[0]!r} stands there twice.")
    if missing := [name for name in ("name", "email") if name not in names]:
        raise click.ClickException(f"The column {missing[0]!r} is missing.")


def filled(cell: Any) -> str:
    return cell.strip() if isinstance(cell, str) else ""


def rep_from_cells(cells: Mapping[str, Any]) -> dict[str, Any]:
    """Cells as they are typed, as what a rep is made of. Lists are parted by `;`. Raises ValueError."""
    given: dict[str, Any] = {name: filled(cells.get(name)) for name in WORDS if filled(cells.get(name))}
    given |= {name: _listed(cells[name]) for name in LISTS if filled(cells.get(name))}
    if hours := filled(cells.get("hours")):
        given["hours"] = hours_from_text(hours)
    weight = filled(cells.get("weight"))
    if pools := _pools(filled(cells.get("pool")), weight):
        given["pools"] = pools
    elif weight:
        given["weight"] = weight
    return given


def _line(number: int, row: Mapping[str, Any], too_long: bool) -> Line:
    if too_long:
        return Line(number, None, "it has more cells than there are columns: put a cell that holds a comma in quotes")
    try:
        return Line(number, NewRep.model_validate(rep_from_cells(row)))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        return Line(number, None, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
    except ValueError as error:
        return Line(number, None, str(error))


def _listed(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(";") if part.strip()]


def _pools(pool: str, weight: str) -> dict[str, int]:
    """`north; south:2`: pools with their weights; a weight alone counts for all of them."""
    try:
        usual = int(weight or 1)
        named = [part.partition(":") for part in _listed(pool)]
        return {name.strip(): int(own) if own.strip() else usual for name, _, own in named}
    except ValueError:
        raise ValueError("weight: a weight is a whole number") from None


def _without_twins(lines: list[Line]) -> list[Line]:
    seen: dict[str, int] = {}
    found = []
    for line in lines:
        first = seen.setdefault(line.rep.email, line.number) if line.rep else line.number
        found.append(line if first == line.number else Line(line.number, None, f"the address stands in line {first} already"))
    return found
