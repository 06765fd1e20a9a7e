"""A plan as values: what a client hears from us, on which days, and by which rules."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time

from services.followup.domain.caps import Cap
from services.followup.domain.spans import Span
from services.followup.domain.windows import WHOLE_DAY, Window

PURPOSES = ("service", "review", "referral", "marketing", "newsletter")
CHANNELS = ("email", "sms", "post")
REVOKED_BY_ONE_CLICK = ("review", "referral", "marketing", "newsletter")
ENROLS_ON = ("job.completed", "lead.qualified")
PAUSES = ("complaint.open", "conversation.open", "job.open")
STOPS = ("client.moved", "client.erased", "client.asked_to_stop")


def same_word(text: str) -> str:
    """A trade or an outcome as plans compare it: CRMs write `Warranty Callback` for warranty_callback."""
    return "_".join(text.casefold().replace("-", " ").replace("_", " ").split())


@dataclass(frozen=True, slots=True)
class After:
    """Once, so long after the enrolment's own day; or so long after each fact of a kind."""

    span: Span
    fact: str | None = None


@dataclass(frozen=True, slots=True)
class Monthly:
    """The first Tuesday of each month, or of some."""

    nth: int
    weekday: int
    months: frozenset[int]


@dataclass(frozen=True, slots=True)
class Yearly:
    """Every year on the day of an anchor, moved by a span."""

    anchor: str
    shift: Span


@dataclass(frozen=True, slots=True)
class Season:
    """Once a year between two days, spread over them by hash; no more a day than the crew can answer."""

    opens: tuple[int, int]
    closes: tuple[int, int]
    per_day: int | None


@dataclass(frozen=True, slots=True)
class Silence:
    """When there was no job for so long, and again each time."""

    span: Span
    again: Span


Timing = After | Monthly | Yearly | Season | Silence


@dataclass(frozen=True, slots=True)
class Repeat:
    """So many times more, until what the step asks for has happened."""

    every: Span
    times: int


@dataclass(frozen=True, slots=True)
class Rules:
    """When a touch may not go out, and what happens to it then."""

    window: Window = WHOLE_DAY
    weekdays: frozenset[int] = frozenset()
    holidays: frozenset[str] = frozenset()
    blackouts: tuple[tuple[date, date], ...] = ()
    roll: str = "forward"  # backward, nearest, drop
    max_roll: int = 5
    on_cap: str = "roll"  # drop


@dataclass(frozen=True, slots=True)
class Step:
    key: str
    purpose: str
    channels: tuple[str, ...]
    timing: Timing
    template: str
    expires: Span
    rules: Rules
    at: time = time(10)
    between: tuple[time, time] | None = None
    repeat: Repeat | None = None
    until: frozenset[str] = frozenset()
    missing: str = "fail"  # skip: where there is no such template, the touch is left out
    rank: int = 0  # the lower keeps its day
    when: Mapping[str, frozenset[str]] = field(default_factory=dict)  # trade, outcome, satisfaction


@dataclass(frozen=True, slots=True)
class Reentry:
    """What a second event of the same subject does: never, ignore_while_live or restart_cycle."""

    mode: str = "never"
    after: Span = field(default_factory=lambda: Span(0, "day"))


@dataclass(frozen=True, slots=True)
class Enrol:
    """Which event puts a client into the plan."""

    event: str = "job.completed"
    where: Mapping[str, frozenset[str]] = field(default_factory=dict)
    where_not: Mapping[str, frozenset[str]] = field(default_factory=dict)
    subject: str = "job"  # or client
    reentry: Reentry = field(default_factory=Reentry)

    def fits(self, event: str, facts: Mapping[str, str]) -> bool:
        return (
            event == self.event
            and all(same_word(facts.get(name, "")) in wanted for name, wanted in self.where.items())
            and not any(same_word(facts.get(name, "")) in unwanted for name, unwanted in self.where_not.items())
        )


@dataclass(frozen=True, slots=True)
class Plan:
    key: str
    version: int
    steps: tuple[Step, ...]
    enrol: Enrol
    on_doubt: Mapping[str, str]
    pause_when: frozenset[str]
    stop_when: frozenset[str]
    caps: tuple[Cap, ...]
    household_caps: tuple[Cap, ...]
    household_days: int

    def step(self, key: str) -> Step | None:
        return next((step for step in self.steps if step.key == key), None)

    def settle_doubt(self, channel: str, purpose: str) -> str:
        """drop errs on the side of silence; resend on a second message of the same id, which no phone folds into one."""
        if channel == "sms":
            return "drop"
        return self.on_doubt.get(purpose) or self.on_doubt.get("default", "drop")
