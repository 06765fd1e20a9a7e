"""Two agreements compared, in words: what was added, taken out, moved and changed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

WORDS = {
    "accept_within_minutes": "minutes to answer an offer",
    "touch_within_minutes": "minutes to reach the client first",
    "warn_at_percent": "warnings at percent",
    "sticky_grace_minutes": "minutes a client waits for the rep who knows them",
    "hold_minutes": "minutes until a held lead is escalated",
    "max_attempts": "reps asked before it is escalated",
    "postal_codes": "postal codes",
    "half_life_days": "days until intent counts half",
}


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """A sentence for each difference, in the order of the agreement. Both are plain data."""
    found: list[str] = []
    for section in {**new, **old}:
        before, now = old.get(section), new.get(section)
        if before == now:
            continue
        if section == "holidays":
            before, now = _in_words(before or {}, now or {}), _in_words(now or {}, before or {})
        if section == "rules":
            found += _rules(before or [], now or [])
        elif isinstance(before, dict) or isinstance(now, dict):
            found += _named(section, before or {}, now or {})
        else:
            found.append(_changed("", section, before, now))
    return found


def _named(section: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in {**new, **old}:
        place = f"{section}.{name}"
        if name not in new:
            yield f"{place} is gone."
        elif name not in old:
            yield f"{place} is new: {_say(new[name])}."
        elif isinstance(old[name], dict) and isinstance(new[name], dict):
            yield from (_changed(place, key, old[name].get(key), new[name].get(key)) for key in _keys(old[name], new[name]))
        elif old[name] != new[name]:
            yield _changed(section, name, old[name], new[name])


def _in_words(sets: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """A day without hours is closed; one that only the other agreement names is like any other of its weekday."""
    usual = {name: dict.fromkeys(others.get(name, ()), "as usual") for name in sets}
    return {name: usual[name] | {day: hours or "closed" for day, hours in days.items()} for name, days in sets.items()}


def _rules(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    before, now = {rule["name"]: rule for rule in old}, {rule["name"]: rule for rule in new}
    for name in before.keys() - now.keys():
        yield f"The rule {name!r} is gone."
    for name, rule in now.items():
        if name not in before:
            place = [*now].index(name) + 1
            yield f"The rule {name!r} is new, as number {place}: leads go to {rule['pool']}."
            continue
        yield from (
            _changed(f"The rule {name!r}", key, before[name].get(key), rule.get(key)) for key in _keys(before[name], rule)
        )
    stayed = [name for name in now if name in before]
    if stayed != [name for name in before if name in now]:
        yield f"The order of rules changed: {', '.join(map(repr, stayed))}."


def _keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return [key for key in {**new, **old} if old.get(key) != new.get(key)]


def _changed(place: str, key: str, before: Any, now: Any) -> str:
    label = f"{place}: {WORDS.get(key, key.replace('_', ' '))}" if place else WORDS.get(key, key.replace("_", " "))
    if isinstance(before, list) and isinstance(now, list):
        added, gone = [one for one in now if one not in before], [one for one in before if one not in now]
        parts = ([f"with {_say(added)}"] if added else []) + ([f"without {_say(gone)}"] if gone else [])
        return f"{label}: {' and '.join(parts) or 'in another order'}."
    return f"{label}: {_say(before)} becomes {_say(now)}."


def _say(value: Any) -> str:
    if value in (None, "", [], {}):
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {_say(one)}" for key, one in value.items() if one not in (None, [], {}))
    if isinstance(value, list):
        shown = ", ".join(_say(one) for one in value[:5])
        return f"{shown} and {len(value) - 5} more" if len(value) > 5 else shown
    return str(value)
