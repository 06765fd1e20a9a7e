"""Which steps a lead may take in sales. A later step implies the earlier ones; what is still illegal has a reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

STEPS = ("accepted", "contacted", "sales_qualified", "proposed", "won")
RANK = {"offered": 0, **{step: rank for rank, step in enumerate(STEPS, 1)}}
ENDS = ("lost", "recycled")
TERMINAL = ("won", *ENDS)
IMPLIED_BY = {"won": STEPS, "lost": ("accepted",), "recycled": ("accepted",)}  # reported late, it is no news


class Illegal(ValueError):
    """The step is not possible; the message says why."""


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    implied: bool


def steps_to(state: str, command: str) -> list[Step]:
    """The steps from a state to a command, implied ones first. Empty where it is already so. Raises Illegal."""
    if state == command or command in IMPLIED_BY.get(state, ()):
        return []
    if state in TERMINAL:
        raise Illegal(f"This lead is already {state}: it cannot become {command.replace('_', ' ')}.")
    if state not in RANK:
        raise Illegal(f"This lead is {state} and is not with a rep: it cannot become {command.replace('_', ' ')}.")
    if command in ENDS:
        first = [] if RANK[state] else [Step("accepted", True)]
        return [*first, Step(command, False)]
    if RANK[command] < RANK[state]:
        return []  # a later step was reported first: it implied this one
    # "proposed" is a fact about the lead with content of its own: being won does not imply it
    missing = [step for step in STEPS if RANK[state] < RANK[step] < RANK[command] and step != "proposed"]
    return [*(Step(step, True) for step in missing), Step(command, False)]


def is_same_report(first: Mapping[str, Any], repeat: Mapping[str, Any]) -> bool:
    """Whether two reports of a sale name the same amount. 1250 and 1250.00 are the same."""
    amounts = [Decimal(str(one["amount"])) for one in (first, repeat)]
    return amounts[0] == amounts[1] and first["currency"] == repeat["currency"]
