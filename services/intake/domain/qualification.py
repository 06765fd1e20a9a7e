"""What a lead is worth and whether it is qualified, by the agreement. Every point is a line one can read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


class Selection(Protocol):
    @property
    def intent(self) -> int: ...
    @property
    def hand_raise(self) -> bool: ...


class Points(Protocol):
    """The numbers of the agreement's [score]."""

    @property
    def in_area(self) -> int: ...
    @property
    def area_unknown(self) -> int: ...
    @property
    def service_offered(self) -> int: ...
    @property
    def valid_phone(self) -> int: ...
    @property
    def valid_email(self) -> int: ...
    @property
    def existing_client(self) -> int: ...
    @property
    def long_message(self) -> int: ...
    @property
    def repeat(self) -> int: ...
    @property
    def hot_source(self) -> int: ...
    @property
    def group_cap(self) -> int: ...
    @property
    def qualifies_at(self) -> int: ...
    @property
    def hot_at(self) -> int: ...
    @property
    def hot_sources(self) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Line:
    axis: str  # fit | intent
    reason: str
    points: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """stage: mql, nurturing or disqualified; `reason` where it is disqualified."""

    stage: str
    tier: str
    score: int
    lines: tuple[Line, ...]
    reason: str | None = None


def qualify(
    fields: Mapping[str, str],
    attribution: Mapping[str, str],
    *,
    points: Points,
    selections: Mapping[str, Selection],
    area: Sequence[str],
    is_client: bool,
    is_repeat: bool,
) -> Verdict:
    """Hand-raisers are never gated by their score: it only sets the tier. Out of the area is no lead of ours."""
    postal_code = fields.get("postal_code", "")
    outside = bool(area) and bool(postal_code) and postal_code not in area
    choice = fields.get("selection", "")
    selection = selections.get(choice) or selections.get("question")
    lines = [
        *_fit(fields, points, known_area=bool(area and postal_code) or not area, outside=outside, is_client=is_client),
        *_intent(fields, attribution, points, selection, is_repeat=is_repeat),
    ]
    fit = min(100, max(0, sum(line.points for line in lines if line.axis == "fit")))
    intent = min(100, max(0, sum(line.points for line in lines if line.axis == "intent")))
    score = round(0.4 * fit + 0.6 * intent)
    tier = "P1" if choice == "emergency" else "P2" if score >= points.hot_at else "P3"
    if outside:
        return Verdict("disqualified", tier, score, tuple(lines), "out_of_area")
    raised = selection is None or selection.hand_raise
    stage = "mql" if raised or score >= points.qualifies_at else "nurturing"
    return Verdict(stage, tier, score, tuple(lines))


def _fit(fields: Mapping[str, str], points: Points, *, known_area: bool, outside: bool, is_client: bool) -> list[Line]:
    lines = [Line("fit", "service offered", points.service_offered)]
    if not outside:
        area = ("in the service area", points.in_area) if known_area else ("area unknown", points.area_unknown)
        lines.append(Line("fit", *area))
    if fields.get("phone"):
        lines.append(Line("fit", "valid phone", points.valid_phone))
    if fields.get("email"):
        lines.append(Line("fit", "valid email", points.valid_email))
    if is_client:
        lines.append(Line("fit", "existing client", points.existing_client))
    return lines


def _intent(
    fields: Mapping[str, str],
    attribution: Mapping[str, str],
    points: Points,
    selection: Selection | None,
    *,
    is_repeat: bool,
) -> list[Line]:
    asked = selection.intent if selection else 0
    lines = [Line("intent", f"asked for {fields.get('selection') or 'something'}"[:100], min(asked, points.group_cap))]
    if len(fields.get("message", "")) > 20:
        lines.append(Line("intent", "wrote a message", points.long_message))
    if is_repeat:
        lines.append(Line("intent", "reached out before", points.repeat))
    if attribution.get("utm_source", "").casefold() in points.hot_sources:
        lines.append(Line("intent", "hot source", points.hot_source))
    return lines
