"""What campaigns cost, as marketing writes it down: campaign, date, amount and currency, a line a day."""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from itertools import chain
from typing import Any

COLUMNS = ("campaign", "date", "amount", "currency")
MOST_LINES = 100_000
TOO_MANY = "there are more cells than columns: please put what has a comma in it between quotes."
_CENTS_AFTER_COMMA = re.compile(r"^(\d+),(\d\d)$")  # 1250,00; what 1,250 means nobody knows


class BadCosts(ValueError):
    """The file cannot be imported; each sentence names its line."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("\n".join(sentences))


@dataclass(frozen=True, slots=True)
class Cost:
    campaign: str
    spent_on: date
    amount: Decimal
    currency: str


def campaign_key(name: str) -> str:
    """How a campaign is known: its utm name, whatever its case."""
    return name.strip().casefold()[:200]


def read_costs(lines: Iterable[str]) -> list[Cost]:
    """All lines or none, parted by commas, semicolons or tabs. Raises BadCosts with what is wrong, by line."""
    rest = iter(lines)
    first = next(rest, "")
    reader = csv.reader(chain([first], rest), delimiter=max(",;\t", key=first.count))
    try:
        return _read(reader)
    except csv.Error as error:
        raise BadCosts([f"Line {reader.line_num}: this is no CSV ({error}). Is there a quote too many?"]) from error


def _read(reader: Any) -> list[Cost]:
    header = [name.strip().casefold() for name in next(reader, [])]
    if missing := [name for name in COLUMNS if name not in header]:
        raise BadCosts([f"Line 1: please name the columns {', '.join(COLUMNS)}; {missing[0]} is missing."])
    if twice := [name for name in COLUMNS if header.count(name) > 1]:
        raise BadCosts([f"Line 1: there are two columns {twice[0]}; please keep one."])
    costs: dict[tuple[str, date], Cost] = {}
    wrong: list[str] = []
    for row in reader:
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        found = TOO_MANY if any(cells[len(header) :]) else _cost(dict(zip(header, cells, strict=False)))
        if isinstance(found, str):
            wrong.append(f"Line {reader.line_num}: {found}")
        elif (found.campaign, found.spent_on) in costs:
            wrong.append(f"Line {reader.line_num}: this campaign has a line of that day already.")
        else:
            costs[found.campaign, found.spent_on] = found
        if len(wrong) == 20 or len(costs) > MOST_LINES:
            wrong += [f"Please import at most {MOST_LINES} lines at a time."] if len(costs) > MOST_LINES else []
            break
    if wrong:
        raise BadCosts(wrong)
    return list(costs.values())


def _cost(row: dict[str, str]) -> Cost | str:
    """The line, or the sentence that says what is wrong with it."""
    key = campaign_key(row.get("campaign", ""))
    if not key or not key.isprintable():
        return "please name the campaign."
    try:
        spent_on = date.fromisoformat(row.get("date", ""))
    except ValueError:
        return "please write the date as 2026-05-31."
    try:
        amount = Decimal(_CENTS_AFTER_COMMA.sub(r"\1.\2", row.get("amount", "")))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0 or amount >= 10**11 or amount != round(amount, 3):
        return "please write the amount as 1250.00, without a sign or a currency."
    if not re.fullmatch("[A-Z]{3}", row.get("currency", "")):
        return "please write the currency with three capitals, for example USD."
    return Cost(key, spent_on, amount, row["currency"])
