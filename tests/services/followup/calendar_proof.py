"""make calendar-proof: every IANA zone × every day of three years × every kind of step, and ten years of a thousand clients."""

import random
import sys
import time as clock
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

from services.followup.adapters.plan_files import read_plan
from services.followup.domain.caps import Touched
from services.followup.domain.forecast import Enrolled, Household, Key, forecast
from services.followup.domain.occurrences import Anchors, Occurrence
from services.followup.domain.plans import PURPOSES, After, Plan, Rules, Step
from services.followup.domain.slots import Asked, Skip, Slot, slot
from services.followup.domain.spans import Span
from services.followup.domain.windows import Place, Window
from services.followup.settings import PLAN
from tests.services.followup.naive_calendar import Rule, expected, holidays, is_late

FIRST, DAYS = date(2026, 1, 1), 1096
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
NINE, EIGHT = time(9), time(20)
OFF = frozenset({6})
RULES = {
    "service": Rule(time(2, 30)),
    "after midnight": Rule(time(0, 15), time(0), time(23, 59)),
    "morning": Rule(time(10), NINE, EIGHT, OFF, holidays=True),
    "too late": Rule(time(22), NINE, EIGHT, OFF, holidays=True, max_roll=10),
    "nearest": Rule(time(8, 30), NINE, EIGHT, frozenset({5, 6}), holidays=True, roll="nearest"),
    "backward": Rule(time(19, 59), time(2, 30), EIGHT, frozenset({5, 6}), holidays=True, roll="backward"),
    "drop": Rule(time(10), NINE, EIGHT, frozenset({5, 6}), roll="drop"),
}


def step_of(name: str, rule: Rule) -> Step:
    rules = Rules(
        Window(rule.opens, rule.closes),
        rule.weekdays,
        frozenset({"us_federal_holidays"} if rule.holidays else ()),
        roll=rule.roll,
        max_roll=rule.max_roll,
    )
    purpose = "service" if name == "service" else "marketing"
    return Step("step", purpose, ("email",), After(Span(0, "day")), "t", Span(60, "day"), rules, at=rule.at)


STEPS = {name: step_of(name, rule) for name, rule in RULES.items()}


def check(name: str, day: date, zone: ZoneInfo) -> None:
    """One slot: as the second implementation says, inside its window, on an open day, the same again."""
    rule = RULES[name]
    asked = Asked("key", STEPS[name], "email", Occurrence(0, day, day), Place(zone, "US"), ())
    found, again, wanted = slot(asked, LONG_AGO), slot(asked, LONG_AGO), expected(rule, day, zone)
    about = f"{name} on {day} in {zone.key}"
    assert found == again, f"{about}: not the same twice"
    if isinstance(found, Skip):
        assert wanted is None, f"{about}: skipped ({found.reason}), expected {wanted}"
        return
    assert found.due_at == wanted, f"{about}: {found.due_at}, expected {wanted}"
    local = found.due_at.astimezone(zone)
    assert (local.date(), local.time()) == (found.day, found.at), f"{about}: the local time is another one"
    assert found.at >= rule.opens, f"{about}: before it opens"
    assert not is_late(found.at, rule.closes), f"{about}: after it closes"
    assert found.day.weekday() not in rule.weekdays, f"{about}: on a closed day"
    assert not (rule.holidays and found.day in holidays(found.day.year)), f"{about}: on a holiday"


def every_zone() -> list[str]:
    return sorted(available_timezones())


def sweep(zones: Iterable[str], days: Iterable[date]) -> int:
    """Check all kinds of step on these days in these zones; returns how many slots."""
    days, checked = list(days), 0
    for zone in zones:
        for day in days:
            for name in RULES:
                check(name, day, ZoneInfo(zone))
        checked += len(days) * len(RULES)
    return checked


def shipped_plan() -> Plan:
    return read_plan(PLAN.read_text())


def enrolled(number: int, day: date, plan: Plan, zone: str) -> Enrolled:
    arrived_at = datetime.combine(day, time(15), UTC)
    anchors = Anchors(f"e{number}", day, arrived_at, arrived_at, {"job.completed_on": day}, day)
    return Enrolled(f"c{number}", plan, anchors, Place(ZoneInfo(zone), "US"), {"email": frozenset(PURPOSES)})


def live(one: Enrolled, years: int, every: timedelta) -> Iterator[tuple[Key, Slot]]:
    """A client's years, looked at now and then: what is due is sent and never planned again."""
    now, end = one.anchors.arrived_at, one.anchors.arrived_at + timedelta(days=366 * years)
    sent: dict[Key, Touched] = {}
    while now < end:
        household = Household([one], (), list(sent.values()), frozenset(sent))
        then = now + every
        for planned in forecast(household, now, (now + timedelta(days=400)).date()):
            if planned.slot.due_at < then:
                sent[planned.key] = planned.touched
                if planned.reason is None:
                    yield planned.key, planned.slot
                else:
                    sent[planned.key] = replace(planned.touched, day=date.min)  # skipped: counts for no cap
        now = then


def ten_years(clients: int, every: timedelta = timedelta(days=91), seed: int = 1) -> int:
    """Every anniversary of every client once, within its days of grace. Returns how many there were."""
    dice, plan, found = random.Random(seed), shipped_plan(), 0
    zones = every_zone()
    for number in range(clients):
        day = date(2024, 2, 29) if number % 50 == 0 else FIRST + timedelta(days=dice.randrange(366))
        one = enrolled(number, day, plan, dice.choice(zones))
        heard = [(key, slot) for key, slot in live(one, 10, every) if key[1] == "anniversary"]
        years = Counter(key[2] for key, _ in heard)
        assert all(years[year] == 1 for year in range(1, 11)), f"client {number} from {day}: {years}"
        for key, found_slot in heard:
            last = 28 if (day.month, day.day) == (2, 29) and (day.year + key[2]) % 4 else day.day
            named = date(day.year + key[2], day.month, last)
            assert timedelta(0) <= found_slot.day - named <= timedelta(days=10), f"client {number}: {named} on {found_slot.day}"
        found += len(heard)
    return found


def main() -> None:
    started = clock.monotonic()
    days = [FIRST + timedelta(days=number) for number in range(DAYS)]
    zones = every_zone()
    for number, zone in enumerate(zones, 1):
        sweep([zone], days)
        if number % 50 == 0 or number == len(zones):
            sys.stdout.write(f"{number} of {len(zones)} zones, {clock.monotonic() - started:.0f} s\n")
    sys.stdout.write(f"{len(zones) * len(days) * len(RULES):,} slots: each as the second implementation says.\n")
    sys.stdout.write(f"{ten_years(1_000):,} anniversaries of 1,000 clients in ten years: each once.\n")
    sys.stdout.write(f"{clock.monotonic() - started:.0f} s\n")


if __name__ == "__main__":
    main()
