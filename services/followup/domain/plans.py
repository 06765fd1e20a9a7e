"""A plan: what a client hears from us and when. Reading it, and working out its dates."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

PURPOSES = ("service", "review", "referral", "marketing", "newsletter")
REVOKED_BY_ONE_CLICK = ("review", "referral", "marketing", "newsletter")


class PlanError(ValueError):
    """The text is not a plan; the message names the step and what to do."""


@dataclass(frozen=True, slots=True)
class Step:
    key: str
    purpose: str
    subject: str
    expires: timedelta
    after: timedelta | None = None
    days: int | None = None
    at: time = time(10)
    channel: str = "email"


@dataclass(frozen=True, slots=True)
class Plan:
    key: str
    version: int
    on_doubt: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Slot:
    """When a touch is due, and when it is too late for it."""

    step: Step
    due_at: datetime
    expires_at: datetime


def read_plan(text: str) -> Plan:
    """Read a plan. Raises PlanError with one sentence."""
    try:
        found = tomllib.loads(text)
        steps = tuple(_read_step(key, values) for key, values in found["steps"].items())
        on_doubt = found.get("on_doubt", "drop")
        if on_doubt not in ("drop", "resend"):
            raise PlanError('on_doubt is "drop" or "resend".')
        return Plan(found["plan"], found["version"], on_doubt, steps)
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"This is not TOML: {error}.") from error
    except KeyError as error:
        raise PlanError(f"The plan lacks {error}.") from error


def _read_step(key: str, values: Mapping[str, object]) -> Step:
    known = {"after_minutes", "after_days", "at", "purpose", "subject", "expires_days"}
    if unknown := set(values) - known:
        raise PlanError(f"Step {key}: {', '.join(sorted(unknown))} is not known; known are {', '.join(sorted(known))}.")
    if ("after_minutes" in values) == ("after_days" in values):
        raise PlanError(f"Step {key}: give either after_minutes or after_days.")
    if values.get("purpose") not in PURPOSES:
        raise PlanError(f"Step {key}: the purpose is one of {', '.join(PURPOSES)}.")
    minutes, days = values.get("after_minutes"), values.get("after_days")
    return Step(
        key,
        str(values["purpose"]),
        str(values["subject"]),
        timedelta(days=int(str(values.get("expires_days", 7)))),
        after=timedelta(minutes=int(str(minutes))) if minutes is not None else None,
        days=int(str(days)) if days is not None else None,
        at=time.fromisoformat(str(values.get("at", "10:00"))),
    )


def slots(plan: Plan, *, completed_on: date, arrived_at: datetime, zone: ZoneInfo) -> list[Slot]:
    """Every touch of a plan that is not already too late: late facts never create an expired touch.

    Hours and minutes count from `arrived_at`; days are calendar days from `completed_on` in the company's zone. A local
    time that does not exist moves forward by the gap; one that exists twice is the first (zoneinfo, fold=0).
    """
    found = []
    for step in plan.steps:
        if step.after is not None:
            due_at = arrived_at + step.after
            expires_at = datetime.combine(completed_on, time.max, zone).astimezone(UTC) + step.after + step.expires
        else:
            local = datetime.combine(completed_on + timedelta(days=step.days or 0), step.at, zone)
            due_at = local.astimezone(UTC)
            expires_at = due_at + step.expires
        if expires_at > arrived_at:
            found.append(Slot(step, due_at, expires_at))
    return found
