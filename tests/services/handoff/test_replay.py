"""A decision is made again from its record alone, whatever its kind; a changed one is found out."""

from typing import Any

from services.handoff.domain.record import hash_of_record
from services.handoff.domain.replay import decide_again
from services.handoff.domain.routing import Outcome, apply, decide
from services.handoff.use_cases.seal import sealed
from tests.services.handoff.people import HOURS, NIGHT, NOW, RULE, TEAM, lead, policy, rep, team, uid

CATCH_UP = TEAM.replace("everyone = true", "everyone = true\ncatch_up = true")


def many_outcomes() -> list[tuple[Any, dict[str, Any], Outcome]]:
    """A decision of every kind, each with its agreement and its rosters."""
    found: list[tuple[Any, dict[str, Any], Outcome]] = []
    rows = [rep(1), rep(2, weight=3), rep(3, max_open=2), rep(4, on_call=True, weight=0), rep(5, manager=True, weight=0)]
    away = rep(6, off=[["2026-03-04T00:00:00+00:00", "2026-03-04T15:10:00+00:00"]])
    for text, at in ((TEAM, NOW), (HOURS + RULE, NIGHT), (CATCH_UP, NOW)):
        with_policy = policy(text)
        cases = [
            lead(with_policy),
            lead(with_policy, "P1"),
            lead(with_policy, owner=(rep(2, weight=3), "team")),
            lead(with_policy, owner=(away, "team")),
            lead(with_policy, asked=frozenset({uid(1), uid(2), uid(3)}), tries=3),
            lead(with_policy, asked=frozenset({uid(1)}), tries=1, held=True, overdue=True),
        ]
        everybody = [*rows, away]
        teams = {"team": team(with_policy, everybody, at=at, Rep6=2 * 10**9, Rep1=-(2 * 10**9))}
        for case in cases * 3:
            outcome = decide(with_policy, teams, case, at)
            apply(outcome, teams)
            found.append((with_policy, {teams["team"].roster: everybody}, outcome))
    return found


def test_every_kind_of_decision_is_made_again_from_its_record_alone() -> None:
    kinds = set()
    for found, rosters, outcome in many_outcomes():
        assert decide_again(outcome.record, found, rosters).record == outcome.record
        kinds.add(outcome.kind)
    assert kinds >= {"in_turn", "sticky", "waits_for_owner", "on_call", "manager", "held"}


def test_a_changed_record_is_found_out() -> None:
    found, rosters, outcome = many_outcomes()[0]
    record = sealed(outcome.record | {"sentence": 'Zoë, ☃ and \U0001f600 "quoted" \\ \x7f \u2028.'})
    assert hash_of_record(record) == record["hash"]
    assert hash_of_record({**record, "pick": None}) != record["hash"]
    changed = {**outcome.record, "pick": record["runner_up"], "runner_up": record["pick"]}
    assert decide_again(changed, found, rosters).record != changed
