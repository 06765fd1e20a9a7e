"""Everything a household will hear from us: every step of every enrolment, one against the other.

The production function. Rows are made from it, and so are preview, why and diff.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from services.followup.domain.caps import Touched, broken_cap
from services.followup.domain.occurrences import Anchors, Occurrence, occurrences
from services.followup.domain.plans import Plan, Season, Step, same_word
from services.followup.domain.slots import Asked, Skip, Slot, slot, try_day
from services.followup.domain.windows import Place, QuietRule

Key = tuple[str, str, int]  # enrolment, step, cycle
Heard = tuple[str, str, str, int]  # client, plan, step, cycle

# Why a touch is skipped until something else is true: they say yes, an address is known, somebody moves out.
MAY_END = ("opt_out", "no_consent", "no_address", "hard_bounce", "manual", "household")


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A client in a version of a plan, and what is known that matters to it."""

    client_id: str
    plan: Plan
    anchors: Anchors
    place: Place
    allowed: Mapping[str, frozenset[str]]  # channel: purposes that may use it
    facts: Mapping[str, str] = field(default_factory=dict)  # trade, outcome, satisfaction

    @property
    def id(self) -> str:
        return self.anchors.id


@dataclass(frozen=True, slots=True)
class Planned:
    """A touch and its moment; with a reason, it will not be sent."""

    key: Key
    enrolled: Enrolled
    step: Step
    channel: str
    occurrence: Occurrence
    slot: Slot
    reason: str | None = None
    winner: str | None = None  # the touch that goes instead

    @property
    def id(self) -> str:
        return "/".join(map(str, self.key))

    @property
    def touched(self) -> Touched:
        return Touched(
            self.id,
            self.enrolled.client_id,
            self.enrolled.plan.key,
            self.step.key,
            self.slot.day,
            self.step.purpose,
            self.channel,
        )


@dataclass(slots=True)
class Household:
    """Everybody under one roof. `settled` are touches that keep their place: sent, on their way, or due already."""

    enrolled: Sequence[Enrolled]
    quiet: Sequence[QuietRule]
    settled: Sequence[Touched] = ()
    closed: frozenset[Key] = frozenset()  # touches that are rows already and are not planned again
    heard: frozenset[Heard] = frozenset()  # what went out or is about to: for the client, wherever they are enrolled
    loads: dict[tuple[str, str], Counter[date]] = field(default_factory=dict)


def forecast(household: Household, now: datetime, last: date) -> list[Planned]:
    """Every touch up to a day, planned or with the reason why not, in order of time."""
    wishes = sorted(_wishes(household, now, last), key=_order)
    taken, heard, found = list(household.settled), set(household.heard), list[Planned]()
    for asked, enrolled, key, result in wishes:
        name = (enrolled.client_id, enrolled.plan.key, asked.step.key, asked.occurrence.cycle)
        if asked.occurrence.once and name in heard:
            continue
        heard.add(name)
        planned = Planned(key, enrolled, asked.step, asked.channel, asked.occurrence, *_unpack(result))
        if planned.reason is None:
            planned = _place(planned, asked, taken, household.loads)
        if planned.reason is None:
            taken.append(planned.touched)
            _load(household.loads, planned).update([planned.slot.day])
        found.append(planned)
    return sorted(found, key=lambda one: (one.slot.due_at, one.id))


Wish = tuple[Asked, Enrolled, Key, Slot | Skip]


def _wishes(household: Household, now: datetime, last: date) -> Iterator[Wish]:
    for enrolled in household.enrolled:
        for step in enrolled.plan.steps:
            for occurrence in occurrences(step, enrolled.anchors, enrolled.anchors.day, last):
                key = (enrolled.id, step.key, occurrence.cycle)
                if key in household.closed:
                    continue
                channel = choose_channel(step, enrolled.allowed) or step.channels[0]
                asked = Asked("/".join(map(str, key)), step, channel, occurrence, enrolled.place, household.quiet)
                result = slot(asked, now)
                if isinstance(result, Skip) and result.slot.expires_at <= now:
                    continue  # a late fact never makes an expired touch
                if isinstance(result, Slot) and (reason := _unwanted(step, occurrence, enrolled)):
                    result = Skip(reason, result)
                yield asked, enrolled, key, result


def may_end(reason: str | None) -> bool:
    """Whether a touch skipped for this can be planned after all, while its day has not come."""
    return (reason or "").partition(":")[0] in MAY_END


def choose_channel(step: Step, allowed: Mapping[str, frozenset[str]]) -> str | None:
    """The first channel that reaches the client and that they allow for this purpose."""
    return next((one for one in step.channels if step.purpose in allowed.get(one, ())), None)


def _unwanted(step: Step, occurrence: Occurrence, enrolled: Enrolled) -> str | None:
    """Why the client gets none: what it asks for has happened, it is not for them, or they do not want it."""
    if (happened := _until(step, occurrence, enrolled.anchors)) is not None:
        return happened
    for name, wanted in step.when.items():
        if same_word(enrolled.facts.get(name, "")) not in wanted:
            return f"only for {name} {', '.join(sorted(wanted))}"
    if choose_channel(step, enrolled.allowed) is None:
        return "opt_out" if any(one in enrolled.allowed for one in step.channels) else "no_address"
    return None


def _until(step: Step, occurrence: Occurrence, anchors: Anchors) -> str | None:
    for fact in anchors.happened:
        if fact.kind in step.until and fact.day >= occurrence.since and fact.at >= anchors.enrolled_at:
            return f"until {fact.kind}"
    return None


def needless(step: Step, cycle: int, anchors: Anchors, last: date) -> str | None:
    """What has happened that ends a touch which is not planned again: by the step as it was when it was planned."""
    found = (one for one in occurrences(step, anchors, anchors.day, last) if one.cycle == cycle)
    return next((reason for one in found if (reason := _until(step, one, anchors))), None)


def _order(wish: Wish) -> tuple[bool, int, date, str, int]:
    """Service first, for it never yields; then by priority; then who was there first."""
    asked, enrolled, key, result = wish
    day = (result.slot if isinstance(result, Skip) else result).day
    return asked.step.purpose != "service", asked.step.rank, day, enrolled.id, key[2]


def _unpack(result: Slot | Skip) -> tuple[Slot, str | None]:
    return (result.slot, result.reason) if isinstance(result, Skip) else (result, None)


def _place(planned: Planned, asked: Asked, taken: Sequence[Touched], loads: Mapping[tuple[str, str], Counter[date]]) -> Planned:
    """Its own day, or the next that is free; else skipped, naming who was there first."""
    notes, first = list(planned.slot.notes), _Taken("")
    for day in _days(planned):
        found = planned.slot if day == planned.slot.day else try_day(asked, day, planned.slot.at, planned.slot.expires_at)
        if isinstance(found, Slot) and found.due_at >= found.expires_at:
            break
        if isinstance(found, Slot) and (rival := _in_the_household(planned, found.day, taken)):
            return replace(planned, reason="household", winner=rival.id)
        reason = _Taken(found) if isinstance(found, str) else _taken(planned, found.day, taken, loads)
        if isinstance(found, Slot) and reason is None:
            return replace(planned, slot=replace(found, notes=tuple(notes)))
        assert reason is not None  # noqa: S101
        first = first if first.reason else reason
        notes.append(f"{day}: {reason.reason}{f' ({reason.by.step} goes first)' if reason.by else ''}")
    slot = replace(planned.slot, notes=tuple(notes))
    return replace(planned, slot=slot, reason=first.reason, winner=first.by.id if first.by else None)


@dataclass(frozen=True, slots=True)
class _Taken:
    """Why a day is not free, and who has it."""

    reason: str
    by: Touched | None = None


def _days(planned: Planned) -> Iterator[date]:
    """The days it may have: its own, and as many more as it may roll; a seasonal one, to the end of the season."""
    rules, last = planned.step.rules, planned.occurrence.last_day
    more = rules.max_roll if rules.on_cap == "roll" else 0
    if last is not None and more:
        more = (last - planned.slot.day).days
    for away in range(more + 1):
        yield planned.slot.day + timedelta(days=away)


def _taken(
    planned: Planned, day: date, taken: Iterable[Touched], loads: Mapping[tuple[str, str], Counter[date]]
) -> _Taken | None:
    """Why the day is not free; None: it is."""
    plan, step = planned.enrolled.plan, planned.step
    per_day = step.timing.per_day if isinstance(step.timing, Season) else None
    if per_day is not None and loads.get((plan.key, step.key), Counter())[day] >= per_day:
        return _Taken("the crew's day is full")
    own = [one for one in taken if one.client_id == planned.enrolled.client_id]
    for caps, others in ((plan.caps, own), (plan.household_caps, taken)):
        broken = broken_cap(caps, day, step.purpose, planned.channel, others)
        if broken is not None:
            return _Taken(f"cap {broken[0]}", broken[1])
    return None


def _in_the_household(planned: Planned, day: date, taken: Iterable[Touched]) -> Touched | None:
    """A couple is not written to twice: the same step goes to somebody else under this roof about this day."""
    plan, step = planned.enrolled.plan, planned.step
    days = 0 if step.purpose == "service" else plan.household_days
    for one in taken:
        is_same = (one.plan, one.step) == (plan.key, step.key) and one.client_id != planned.enrolled.client_id
        if is_same and abs((one.day - day).days) <= days:
            return one
    return None


def _load(loads: dict[tuple[str, str], Counter[date]], planned: Planned) -> Counter[date]:
    return loads.setdefault((planned.enrolled.plan.key, planned.step.key), Counter())
