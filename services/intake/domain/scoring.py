"""What the lines of a score are worth at a moment. Intent fades by half every few days; fit stays. Their sum is the score."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

SHARES = {"fit": 4, "intent": 6}  # tenths of the score


@dataclass(frozen=True, slots=True)
class Line:
    """Points earned at a time. `kind` groups lines under one cap; `rule` names the agreement's number behind it."""

    axis: str  # fit | intent
    kind: str
    rule: str
    reason: str
    points: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Point:
    """A line as of a moment. `counts` is its share of the score in thousandths: they add up to the score exactly."""

    axis: str
    reason: str
    earned: int
    hundredths: int
    counts: int
    at: datetime | None = None
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Score:
    """fit and intent in points, the score from 0 to 100, the grade (A1 is best), and every point of it."""

    fit: int
    intent: int
    score: int
    grade: str
    points: tuple[Point, ...] = field(repr=False)


def evaluate(lines: Iterable[Line], at: datetime, *, half_life_days: int, cap: int, grades: Sequence[int]) -> Score:
    """The score as of a moment: lines earned later do not count yet."""
    points: list[Point] = []
    totals = {"fit": 0, "intent": 0}
    earned = [line for line in lines if line.at <= at]
    for axis in totals:
        kinds: dict[str, int] = {}
        for line in (line for line in earned if line.axis == axis):
            worth = _worth(line, at, half_life_days)
            kinds[line.kind] = kinds.get(line.kind, 0) + worth
            points.append(Point(axis, line.reason, line.points, worth, SHARES[axis] * worth, line.at, line.rule))
        for kind, worth in kinds.items():
            if (over := worth - cap * 100) > 0:
                points.append(_adjustment(axis, f"at most {cap} for {kind}", -over))
        total = sum(point.hundredths for point in points if point.axis == axis)
        totals[axis] = min(max(total, 0), 10_000)
        if total != totals[axis]:
            points.append(_adjustment(axis, "between 0 and 100", totals[axis] - total))
    exact = sum(point.counts for point in points)
    score = (exact + 500) // 1000
    if rest := score * 1000 - exact:
        points.append(Point("", "rounded", 0, 0, rest))
    fit, intent = ((total + 50) // 100 for total in totals.values())
    return Score(fit, intent, score, f"{'ABCD'[_step(fit, grades)]}{_step(intent, grades) + 1}", tuple(points))


def _worth(line: Line, at: datetime, half_life_days: int) -> int:
    """In hundredths: so fine that nobody sees the rounding, so coarse that every machine agrees."""
    if line.axis == "fit":
        return line.points * 100
    age = (at - line.at) / timedelta(days=half_life_days)
    return round(line.points * 100 * math.pow(0.5, age))


def _adjustment(axis: str, reason: str, hundredths: int) -> Point:
    return Point(axis, reason, 0, hundredths, SHARES[axis] * hundredths)


def _step(value: int, grades: Sequence[int]) -> int:
    return next((place for place, least in enumerate(grades) if value >= least), len(grades))
