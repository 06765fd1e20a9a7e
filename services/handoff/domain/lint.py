"""What is wrong with an agreement although it can be read: each with its place and a sentence that says what to do."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

from services.handoff.domain.calendar import NeverOpen
from services.handoff.domain.people import Rep
from services.handoff.domain.policy import Policy, Rule
from services.handoff.domain.rules import postal_code

People = Mapping[str, Sequence[Rep]]  # the reps of each pool
A_MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Finding:
    """`section` and `name` say where: rules, pools, tiers, territories or reps."""

    section: str
    name: str
    sentence: str


def lint(
    policy: Policy, territories: Mapping[str, Sequence[str]], selections: Iterable[str], people: People | None
) -> list[Finding]:
    """`people`: None where nobody knows who is in the pools."""
    return [
        *_rules(policy, frozenset(selections)),
        *_territories(policy, territories),
        *_pools(policy, people),
        *_clocks(policy, people),
    ]


def _rules(policy: Policy, selections: frozenset[str]) -> Iterator[Finding]:
    codes = {areas: _codes(policy, areas) for rule in policy.rules for areas in rule.areas}
    for place, rule in enumerate(policy.rules):
        for names, known, what in ((rule.tier, set(policy.tiers), "tier"), (rule.selection, selections, "selection")):
            if unknown := names - known:
                yield Finding("rules", rule.name, f"It asks for the {what} {_list(unknown)}, which this agreement does not have.")
        for answer, test in rule.answers:
            if isinstance(test, tuple) and None not in test and test[0] > test[1]:
                never = f"{answer} cannot be at least {test[0]:g} and at most {test[1]:g}"
                yield Finding("rules", rule.name, f"No lead can reach it: {never}. Swap the two.")
        wider = [one for one in policy.rules[:place] if _is_wider(codes, one, rule)]
        if takers := _takers(policy, selections, wider, rule):
            verb = "take" if len(takers) > 1 else "takes"
            yield Finding("rules", rule.name, f"No lead can reach it: {_list(takers)} {verb} all that it would. Move it up.")


def _takers(policy: Policy, selections: frozenset[str], wider: Sequence[Rule], rule: Rule) -> set[str]:
    """The earlier rules that take everything this one could take; none where something is left for it."""
    taken: set[str] = set()
    for selection in rule.selection or {*selections, ""}:
        for tier in rule.tier or policy.tiers:
            takes = (one.name for one in wider if _admits(one.selection, selection) and _admits(one.tier, tier))
            found = next(takes, None)
            if found is None:
                return set()
            taken.add(found)
    return taken


def _admits(names: frozenset[str], one: str) -> bool:
    return not names or one in names


def _is_wider(codes: Mapping[frozenset[str], frozenset[str]], one: Rule, other: Rule) -> bool:
    """Whether `one` asks for nothing, besides selection and tier, that `other` does not ask for too."""
    sets = ((one.form, other.form), (one.source, other.source), (one.language, other.language))
    return (
        all(not mine or (theirs and theirs <= mine) for mine, theirs in sets)
        and all(any(codes[theirs] <= codes[mine] for theirs in other.areas) for mine in one.areas)
        and all(test in other.answers for test in one.answers)
    )


def _codes(policy: Policy, areas: frozenset[str]) -> frozenset[str]:
    """The postal codes that go by these names, and `436*` for those that begin so."""
    prefixes = tuple(prefix for prefix, name in policy.prefixes if name in areas)
    exact = (code for code, names in policy.codes.items() if not areas.isdisjoint(names) or code.startswith(prefixes))
    longer = (f"{prefix}*" for prefix, _ in policy.prefixes if prefix.startswith(prefixes))
    return frozenset((*exact, *longer))


def _territories(policy: Policy, territories: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    for (first, second), codes in _shared_codes(territories).items():
        some = _list(sorted(codes)[:3]) + (" and others" if len(codes) > 3 else "")
        yield Finding("territories", second, f"It overlaps {first} at {some}. Give each postal code once.")
    used = {area for rule in policy.rules for areas in rule.areas for area in areas}
    for name in sorted(territories.keys() - used):
        yield Finding("territories", name, "No rule names it; it counts only for reps who have it as theirs.")


def _shared_codes(territories: Mapping[str, Sequence[str]]) -> dict[tuple[str, str], set[str]]:
    """Pairs of territories with the codes that lie in both."""
    exact: dict[str, set[str]] = {}
    prefixes: dict[str, set[str]] = {}
    for name, codes in territories.items():
        for code in codes:
            (prefixes if code.endswith("*") else exact).setdefault(postal_code(code.rstrip("*")), set()).add(name)
    found: dict[tuple[str, str], set[str]] = {}
    for code, names in (*exact.items(), *prefixes.items()):
        around = (prefixes.get(code[:length], ()) for length in range(1, len(code) + 1))
        everybody = names.union(*around)
        for pair in combinations(sorted(everybody), 2):
            if names & set(pair):
                found.setdefault(pair, set()).add(code)
    return found


def _pools(policy: Policy, people: People | None) -> Iterator[Finding]:
    used = {name for rule in policy.rules for name in policy.chain(rule.pool)}
    for name, pool in policy.pools.items():
        if name not in used:
            yield Finding("pools", name, "No rule sends a lead here, and no pool overflows into it.")
        try:
            pool.calendar.next_open(A_MONDAY)
        except NeverOpen:
            yield Finding("pools", name, "Its hours are never open, so no lead would ever be offered.")
        if people is None:
            continue
        if not (staff := [one for one in people.get(name, ()) if one.weight > 0 and one.state != "left"]):
            yield Finding("pools", name, "Nobody is in it: say everyone = true, or let reps join it with `reps add --pool`.")
        for rule in policy.rules if staff else ():
            skills, licences = pool.skills | rule.skills, pool.licences | rule.licences
            if rule.pool == name and not any(skills <= one.skills and licences <= one.licences for one in staff):
                yield Finding("rules", rule.name, f"Nobody in {name} has the skills and licences that it asks for.")


def _clocks(policy: Policy, people: People | None) -> Iterator[Finding]:
    for tier in policy.tiers.values():
        if tier.touch_within < tier.accept_within:
            yield Finding("tiers", tier.name, "The client is to be reached before the offer must be answered: swap the two.")
        for name, pool in policy.pools.items():
            on_call = any(one.on_call for one in (people or {}).get(name, ()))
            covered = tier.after_hours == "offer" or (tier.after_hours == "on_call" and (on_call or people is None))
            if tier.always and not pool.calendar.always and not covered:
                sentence = f"Its clock runs day and night, but {name} is not always open and nobody there is on call."
                yield Finding("tiers", tier.name, sentence)
            if not tier.always and not pool.calendar.always and _open_in_a_week(policy, name) < tier.accept_within:
                yield Finding("tiers", tier.name, f"An offer would stay open for more than a week: {name} works less than that.")


def _open_in_a_week(policy: Policy, pool: str) -> timedelta:
    return policy.pools[pool].calendar.between(A_MONDAY, A_MONDAY + timedelta(days=7))


def cut_off(reps: Iterable[Mapping[str, Any]], territories: Collection[str], holidays: Collection[str]) -> Iterator[Finding]:
    """Reps, as rows of a roster, who name what the agreement does not have: nothing would match, and nobody say so."""
    for row in reps:
        what_to_do = "Keep the name, or change it with `reps set`."
        if gone := set(row.get("territories", ())) - set(territories):
            sentence = f"Works in {_list(gone)}, which this agreement does not have: no lead from there would find them."
            yield Finding("reps", row["name"], f"{sentence} {what_to_do}")
        if (named := row.get("holidays")) and named not in holidays:
            sentence = f"Keeps the holidays {named}, which this agreement does not have: they would count as working days."
            yield Finding("reps", row["name"], f"{sentence} {what_to_do}")


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
