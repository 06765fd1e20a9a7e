"""Fairness and explanation of the routing decision: bounds hold, records recompute."""

from collections import Counter
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from services.handoff.domain.routing import ONE_LEAD, Candidate, Match, decide, hash_of_record, pick_by_credit

MATCH = Match("everybody", "team", ())


def team(weights: list[int]) -> list[Candidate]:
    return [Candidate(UUID(int=n + 1), f"Rep {n}", "active", weight, 0, 0) for n, weight in enumerate(weights)]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 10), min_size=1, max_size=12), st.integers(1, 150))
def test_nobody_is_a_lead_ahead_of_the_weighted_share_nor_far_behind(weights: list[int], leads: int) -> None:
    reps, got, total, n = team(weights), Counter[UUID](), sum(weights), len(weights)
    harmonic = sum(1 / k for k in range(1, n + 1))
    for turn in range(1, leads + 1):
        reps = pick_by_credit(reps, turn)
        got[next(one for one in reps if one.last_turn == turn).rep_id] += 1
        assert sum(one.credit for one in reps) == 0
        for one in reps:
            ahead = got[one.rep_id] - turn * one.weight / total
            assert ahead <= 1 - 1 / n + 1e-6
            assert -ahead <= harmonic - 1 + 1e-6 + n / ONE_LEAD * turn


def test_with_equal_weights_everybody_gets_one_in_each_round() -> None:
    reps, order = team([1, 1, 1]), []
    for turn in range(1, 10):
        reps = pick_by_credit(reps, turn)
        order.append(next(one.name for one in reps if one.last_turn == turn))
    assert all(Counter(order[start : start + 3]) == Counter(order[:3]) for start in (0, 3, 6))


def test_who_is_left_out_is_named_with_the_reason() -> None:
    reps = [*team([1, 1, 0]), Candidate(UUID(int=9), "Away", "paused", 1, 0, 0)]
    outcome = decide(reps, match=MATCH, agreement="a", turn=1, tried=frozenset({UUID(int=1)}))
    assert outcome.pick == UUID(int=2)
    assert [(one["filter"], one["reason"]) for one in outcome.record["excluded"]] == [
        ("tried", "was offered this lead before"),
        ("weight", "has weight 0 in this pool"),
        ("active", "is paused"),
    ]


def test_a_decision_recomputes_to_the_same_hash_and_a_changed_one_does_not() -> None:
    first = decide(team([2, 1]), match=MATCH, agreement="a", turn=7)
    again = decide(team([2, 1]), match=MATCH, agreement="a", turn=7)
    assert first.record == again.record
    assert hash_of_record(first.record) == first.record["hash"]
    assert hash_of_record({**first.record, "pick": None}) != first.record["hash"]


def test_nobody_eligible_holds_the_lead_and_changes_no_credit() -> None:
    reps = [Candidate(UUID(int=9), "Away", "paused", 1, 5, 0)]
    outcome = decide(reps, match=MATCH, agreement="a", turn=1)
    assert outcome.pick is None
    assert list(outcome.candidates) == reps
    assert outcome.record["sentence"] == "Nobody in team is available: 1 is paused."
