"""Three years of a plan with a client who lets everything happen: which of its steps ever go out?"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from services.followup.domain.forecast import Enrolled, Household, Planned, forecast
from services.followup.domain.occurrences import Anchors, Happened
from services.followup.domain.plans import PURPOSES, After, Plan, Yearly
from services.followup.domain.windows import Place, QuietRule, instant

STARTS = 12  # enrolment days, spread over a year
YEARS = 3
EVERYTHING = {channel: frozenset(PURPOSES) for channel in ("email", "sms", "post")}


@dataclass(frozen=True, slots=True)
class Finding:
    """A step that never goes out, and why."""

    step: str
    sentence: str


def dead_steps(plan: Plan, place: Place, quiet: Sequence[QuietRule], first: date) -> list[Finding]:
    """Steps that three simulated years never reach, or of which every slot is taken or forbidden."""
    sent, skipped = Counter[str](), dict[str, Counter[str]]()
    willing = replace(plan, steps=tuple(replace(step, when={}) for step in plan.steps))
    for number in range(STARTS):
        day = first + timedelta(days=number * 365 // STARTS)
        for planned in _three_years(willing, place, quiet, day):
            if planned.reason is None:
                sent[planned.step.key] += 1
            else:
                skipped.setdefault(planned.step.key, Counter())[planned.reason] += 1
    found = []
    for step in plan.steps:
        if step.key in skipped and not sent[step.key]:
            reason = skipped[step.key].most_common(1)[0][0]
            found.append(
                Finding(step.key, f"In {YEARS} simulated years every slot is lost ({reason}): widen the window or the cap")
            )
        elif not sent[step.key]:
            found.append(Finding(step.key, f"In {YEARS} simulated years nothing makes it due: it cannot be reached"))
    return found


def _three_years(plan: Plan, place: Place, quiet: Sequence[QuietRule], day: date) -> list[Planned]:
    arrived_at = instant(day, time(9), place.zone)[0]
    enrolled = Enrolled("client", plan, _anchors(plan, day, arrived_at), place, EVERYTHING)
    longest = max((step.timing.span.days for step in plan.steps if isinstance(step.timing, After)), default=0)
    last = day + timedelta(days=max(366 * YEARS, longest + 60))
    return forecast(Household([enrolled], quiet), arrived_at, last)


def _anchors(plan: Plan, day: date, arrived_at: datetime) -> Anchors:
    """Every asset is there, and everything a step waits for happens once."""
    later = arrived_at + timedelta(days=45)
    facts = {step.timing.fact for step in plan.steps if isinstance(step.timing, After) and step.timing.fact}
    days = {step.timing.anchor: day - timedelta(days=400) for step in plan.steps if isinstance(step.timing, Yearly)}
    happened = tuple(Happened(kind, kind, later, later.astimezone(UTC).date()) for kind in sorted(facts))
    days |= {"job.completed_on": day, "lead.qualified_on": day}
    return Anchors(f"simulated-{day}", day, arrived_at, arrived_at, days, day, happened)
