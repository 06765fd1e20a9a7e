"""Who is picked and why: rules, filters in their order, sticky owners, helpers out, and a record that recomputes."""

from datetime import timedelta
from typing import Any

import pytest

from services.handoff.domain.explain import why_not
from services.handoff.domain.replay import decide_again
from services.handoff.domain.routing import apply, decide
from tests.services.handoff.people import HOURS, NIGHT, NOW, RULE, lead, policy, rep, team, uid

RULES = """
[pools.gas]
skills = ["gas"]
overflow = "team"
[pools.team]
everyone = true
[pools.spanish]
[territories]
toledo = ["43604", "436*"]
detroit = ["48201"]
[[rules]]
name = "gas in Toledo"
pool = "gas"
territory = "toledo"
answers.fuel = ["gas", "propane"]
[[rules]]
name = "big roofs"
pool = "gas"
answers.squares = { at_least = 30 }
answers.owner = true
[[rules]]
name = "by code"
pool = "spanish"
postal_code = ["10115", "SW1A*"]
[[rules]]
name = "spanish from the fair"
pool = "spanish"
language = ["es"]
source = ["fair"]
form = ["contact"]
[[rules]]
name = "google"
pool = "team"
source = [" Google", "Meta"]
[[rules]]
name = "friends of clients"
pool = "team"
source = ["referral"]
[[rules]]
name = "everybody"
pool = "team"
"""


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"contact": {"postal_code": "43604-1234"}, "answers": {"fuel": "Gas "}}, "gas in Toledo"),
        ({"contact": {"postal_code": "43699"}, "answers": {"fuel": "propane"}}, "gas in Toledo"),
        ({"contact": {"postal_code": "43699"}, "answers": {"fuel": ["oil", "Gas"]}}, "gas in Toledo"),
        ({"contact": {"postal_code": "43699"}, "answers": {"fuel": ["oil"]}}, "everybody"),
        ({"contact": {"postal_code": "43699"}, "answers": {"fuel": []}}, "everybody"),
        ({"answers": {"squares": ["12", "31"], "owner": ["yes"]}}, "big roofs"),
        ({"contact": {"postal_code": "48201"}, "answers": {"fuel": "gas"}}, "everybody"),
        ({"answers": {"squares": "1,200", "owner": "yes"}}, "big roofs"),
        ({"answers": {"squares": 29.9, "owner": True}}, "everybody"),
        ({"answers": {"squares": "many", "owner": True}}, "everybody"),
        ({"contact": {"postal_code": "sw1a 1aa"}}, "by code"),
        ({"answers": {"language": "ES"}, "attribution": {"utm_source": "fair"}, "form": "contact"}, "spanish from the fair"),
        ({"answers": {"language": ["es"]}, "attribution": {"utm_source": "fair"}, "form": "contact"}, "spanish from the fair"),
        ({"answers": {"language": ["es-MX"]}, "attribution": {"utm_source": "fair"}, "form": "contact"}, "spanish from the fair"),
        ({"answers": {"language": "es"}, "form": "contact"}, "everybody"),
        ({"attribution": {"utm_source": "Google"}}, "google"),
        ({"attribution": {"utm_source": "google "}}, "google"),
        ({"attribution": {"gclid": "Cj0K"}}, "google"),
        ({"attribution": {"fbclid": "IwAR"}}, "google"),
        ({"attribution": {"gclid": "Cj0K", "utm_source": "bing"}}, "everybody"),
        ({"referred_by": uid(9)}, "friends of clients"),
        ({}, "everybody"),
    ],
)
def test_the_first_rule_that_fits_decides_and_the_missed_ones_are_named(given: dict[str, Any], rule: str) -> None:
    found = policy(RULES)
    teams = {name: team(found, [rep(1, skills=["gas"])], name) for name in found.pools}
    record = decide(found, teams, lead(found, **given), NOW).record
    names = [one.name for one in found.rules]
    assert (record["rule"], record["rules_missed"]) == (rule, names[: names.index(rule)])


def test_who_is_left_out_is_named_with_the_first_filter_that_applies() -> None:
    found = policy(
        '[pools.team]\nskills = ["gas"]\nlicences = ["OH"]\n[territories]\nnorth = ["1"]\nsouth = ["2"]\n'
        '[[rules]]\nname = "everybody"\npool = "team"\n'
    )
    good = {"skills": ["gas"], "licences": ["OH"]}
    rows = [
        rep(1, state="left"),
        rep(2, weight=0, **good),
        rep(3, state="paused"),
        rep(4, skills=["gas"]),
        rep(5, languages=["en"], **good),
        rep(6, territories=["south"], **good),
        rep(7, hours={"wed": ["16:00-17:00"]}, max_open=0, **good),
        rep(8, off=[["2026-03-04T00:00:00+00:00", "2026-03-05T00:00:00+00:00"]], **good),
        rep(9, max_open=0, max_per_day=0, **good),
        rep(10, max_per_day=0, **good),
        rep(11, **good),
        rep(12, territories=["north"], languages=["es", "en"], **good),
        rep(13, state="paused", paused_until="2026-03-04T14:59:59+00:00", **good),
    ]
    asked = frozenset({uid(11)})
    case = lead(found, asked=asked, tries=1, contact={"postal_code": "1"}, answers={"language": "es"})
    outcome = decide(found, {"team": team(found, rows)}, case, NOW)
    assert {one["rep_id"]: one["filter"] for one in outcome.record["excluded"]} == {
        uid(1): "active", uid(2): "weight", uid(3): "skill", uid(4): "licence", uid(5): "language", uid(6): "territory",
        uid(7): "hours", uid(8): "time_off", uid(9): "open_capacity", uid(10): "day_capacity", uid(11): "tried",
    }  # fmt: skip
    assert outcome.pick in (uid(12), uid(13))
    assert outcome.record["excluded_count"] == 11


@pytest.mark.parametrize(
    ("said", "speaks", "fits"),
    [
        ("es-MX", "es", True),  # as browsers say it
        ("es", "es_MX", True),
        (" Spanish ", "spanish", True),
        (["es", "en"], "es", True),  # as a form with several boxes says it: the first counts
        (["fr", "es"], "es", False),
        ([], "es", True),
        ("en-US", "es", False),
    ],
)
def test_a_language_is_understood_however_the_form_says_it(said: Any, speaks: str, fits: bool) -> None:
    found = policy()
    outcome = decide(found, {"team": team(found, [rep(1, languages=[speaks])])}, lead(found, answers={"language": said}), NOW)
    assert (outcome.pick == uid(1)) == fits


def test_what_one_decision_changed_the_next_one_sees() -> None:
    found = policy()
    teams = {"team": team(found, [rep(1, max_open=1), rep(2, max_per_day=2)])}
    picks = []
    for _ in range(4):
        outcome = decide(found, teams, lead(found), NOW)
        apply(outcome, teams)
        picks.append(outcome.pick)
    assert picks.count(uid(1)) == 1
    assert picks.count(uid(2)) == 2
    assert picks[-1] is None


def test_after_hours_a_lead_is_held_until_somebody_works_again() -> None:
    found = policy(HOURS + RULE)
    rows = [rep(1, off=[["2026-03-05T00:00:00+00:00", "2026-03-05T16:30:00+00:00"]]), rep(2, hours={"thu": ["12:00-13:00"]})]
    outcome = decide(found, {"team": team(found, rows, at=NIGHT)}, lead(found), NIGHT)
    assert (outcome.pick, outcome.until) == (None, NIGHT.replace(day=5, hour=16, minute=30))
    assert outcome.record["sentence"] == "Nobody in team is available: 1 is on time off, 1 works in team, which is closed now."


def test_an_emergency_wakes_whoever_is_on_call_and_was_woken_longest_ago() -> None:
    found = policy(HOURS + RULE)
    teams = {"team": team(found, [rep(1), rep(2, on_call=True), rep(3, on_call=True)], at=NIGHT)}
    picks = []
    for _ in range(4):
        outcome = decide(found, teams, lead(found, "P1"), NIGHT)
        apply(outcome, teams)
        picks.append(outcome.pick)
        assert outcome.kind == "on_call"
        assert all(one.credit == 0 for one in teams["team"].members)
    assert picks[:2] == picks[2:]
    assert set(picks) == {uid(2), uid(3)}


def test_a_tier_may_be_offered_after_hours_too() -> None:
    found = policy(HOURS + RULE)
    tier = found.tiers["P2"].__class__("P2", timedelta(minutes=5), timedelta(minutes=15), after_hours="offer")
    found = found.__class__(found.hash, found.rules, found.pools, {**found.tiers, "P2": tier})
    outcome = decide(found, {"team": team(found, [rep(1)], at=NIGHT)}, lead(found), NIGHT)
    assert (outcome.pick, outcome.kind) == (uid(1), "after_hours")


def test_another_pool_helps_out_where_this_one_has_nobody() -> None:
    found = policy(RULES)
    teams = {"gas": team(found, [rep(1)], "gas"), "team": team(found, [rep(1), rep(2)])}
    outcome = decide(found, teams, lead(found, answers={"squares": 30, "owner": "true"}), NOW)
    assert (outcome.pool, outcome.kind) == ("team", "overflow")
    assert outcome.record["sentence"].startswith("Nobody in gas was available, so team helps out: Rep")


def test_a_decision_names_the_pools_it_looked_at_and_explains_who_would_have_helped_out() -> None:
    found = policy(RULES)
    gas, plain = rep(1, skills=["gas"], max_open=9), rep(2, max_open=9)
    teams = {"gas": team(found, [gas], "gas"), "team": team(found, [gas, plain])}
    record = decide(found, teams, lead(found, answers={"squares": 30, "owner": "true"}), NOW).record
    assert record["loads"] == {uid(1): [0, 0]}
    assert record["rosters"] == {"gas": teams["gas"].roster}
    assert decide(found, {"gas": teams["gas"]}, lead(found, answers={"squares": 30, "owner": "true"}), NOW).record == record
    assert why_not(record, found, {teams["gas"].roster: [gas]}, uid(2), "Rep2") == (
        "Rep2 is not in gas, where the rule 'big roofs' sent this lead, and somebody could take it before team had to help out."
    )
    full = {"gas": team(found, [rep(1)], "gas"), "team": team(found, [rep(1), plain])}
    assert uid(2) in decide(found, full, lead(found, answers={"squares": 30, "owner": "true"}), NOW).record["loads"]


def test_a_returning_client_goes_to_the_rep_who_knows_them_and_costs_no_credit() -> None:
    found = policy()
    teams = {"team": team(found, [rep(1), rep(2)], Rep1=-500, Rep2=500)}
    outcome = decide(found, teams, lead(found, owner=(rep(1), "team")), NOW)
    apply(outcome, teams)
    assert (outcome.pick, outcome.kind, outcome.charges) == (uid(1), "sticky", ())
    assert [one.credit for one in teams["team"].members] == [-500, 500]


@pytest.mark.parametrize(("minutes", "kind"), [(10, "waits_for_owner"), (20, "in_turn")])
def test_a_returning_client_waits_for_the_rep_within_the_grace_and_else_goes_to_their_pool(minutes: int, kind: str) -> None:
    found = policy(RULES)
    back = (NOW + timedelta(minutes=minutes)).isoformat()
    away = rep(1, skills=["gas"], off=[["2026-03-04T00:00:00+00:00", back]])
    teams = {"gas": team(found, [away, rep(2, skills=["gas"])], "gas"), "team": team(found, [away])}
    outcome = decide(found, teams, lead(found, owner=(away, "gas")), NOW)
    assert outcome.kind == kind
    assert outcome.pool == "gas"
    assert outcome.record["sticky"] == {
        "rep_id": uid(1),
        "result": "waits" if kind == "waits_for_owner" else "away",
        "reason": "is on time off",
    }


ROOFS = """
[pools.team]
[pools.roof]
[[rules]]
name = "roofs"
pool = "roof"
selection = ["roof"]
licences = ["OH"]
[[rules]]
name = "everybody"
pool = "team"
"""


@pytest.mark.parametrize(
    ("rosa", "team_rows", "reason"),
    [
        ({"state": "left"}, [], "has left"),
        ({"state": "paused"}, [], "is paused"),
        ({"state": "paused"}, [rep(1, state="paused", licences=["OH"]), rep(3)], "is paused"),
        ({"weight": 0}, [rep(1, weight=0, licences=["OH"])], "has weight 0 in this pool"),
    ],
)
def test_a_returning_client_whose_rep_is_gone_is_asked_for_in_the_pool_of_the_rule_too(
    rosa: dict[str, Any], team_rows: list[dict[str, Any]], reason: str
) -> None:
    found = policy(ROOFS)
    sam, helper = rep(2, licences=["OH"]), rep(4, licences=["OH"])
    rows = {"team": team_rows, "roof": [sam]}
    teams = {name: team(found, rows[name], name) for name in rows}
    case = lead(found, selection="roof", owner=(rep(1, licences=["OH"], **rosa), "team"))
    outcome = decide(found, teams, case, NOW)
    assert (outcome.pick, outcome.pool) == (sam["id"], "roof")
    assert outcome.record["sticky"]["reason"] == reason
    assert outcome.record["rosters"] == {name: teams[name].roster for name in ("team", "roof")}
    first = {"team": team(found, [*team_rows, helper]), "roof": teams["roof"]}
    outcome = decide(found, first, case, NOW)
    assert (outcome.pick, outcome.pool) == (helper["id"], "team")  # where the client is known comes first
    assert why_not(outcome.record, found, {first["team"].roster: [*team_rows, helper]}, sam["id"], "Rep2") == (
        "Rep2 is not in team, where the rule 'roofs' sent this lead, and somebody could take it before roof had to help out."
    )


@pytest.mark.parametrize(
    ("rosa", "load", "reason"),
    [
        ({}, 0, "has no licence for OH"),
        ({"licences": ["OH"], "languages": ["en"]}, 0, "does not speak es"),
        ({"licences": ["OH"], "territories": ["south"]}, 0, "works elsewhere"),
        ({"licences": ["OH"], "max_open": 2}, 2, "has 2 open leads already"),
        ({"licences": ["OH"], "max_per_day": 2}, 2, "had 2 leads today already"),
        ({"licences": ["OH"], "max_open": 3, "max_per_day": 3}, 2, None),
    ],
)
def test_who_knows_the_client_gets_only_what_they_may_have(rosa: dict[str, Any], load: int, reason: str | None) -> None:
    found = policy('[territories]\nnorth = ["1"]\nsouth = ["2"]\n' + ROOFS)
    knows, sam = rep(1, **rosa), rep(2, licences=["OH"])
    teams = {"team": team(found, [knows]), "roof": team(found, [sam], "roof")}
    teams["team"].members[0].load.open = teams["team"].members[0].load.today = load
    needs: dict[str, Any] = {"selection": "roof", "contact": {"postal_code": "1"}, "answers": {"language": "es"}}
    outcome = decide(found, teams, lead(found, owner=(knows, "team"), **needs), NOW)
    taken = {"rep_id": uid(1), "result": "taken"}
    passed = {"rep_id": uid(1), "result": "left_out", "reason": reason}
    assert outcome.pick == (sam["id"] if reason else uid(1))
    assert outcome.record["sticky"] == (passed if reason else taken)
    rosters = {teams["team"].roster: [knows], teams["roof"].roster: [sam]}
    assert decide_again(outcome.record, found, rosters).record == outcome.record


def test_who_was_chosen_by_hand_keeps_the_client_unless_their_leads_are_limited_where_nobody_counts_them() -> None:
    found = policy()
    teams = {"team": team(found, [rep(2)])}
    assert decide(found, teams, lead(found, owner=(rep(1), "team")), NOW).pick == uid(1)
    outcome = decide(found, teams, lead(found, owner=(rep(1, max_open=9), "team")), NOW)
    assert outcome.pick == uid(2)
    assert outcome.record["sticky"]["reason"] == "has a limit, and is not in team to be counted"


def test_after_the_last_attempt_only_a_manager_is_asked() -> None:
    found = policy()
    asked = frozenset({uid(1), uid(2), uid(3)})
    rows = [rep(1), rep(2), rep(3), rep(4), rep(5, manager=True, weight=0)]
    outcome = decide(found, {"team": team(found, rows)}, lead(found, asked=asked, tries=3), NOW)
    assert (outcome.pick, outcome.kind) == (uid(5), "manager")
    outcome = decide(found, {"team": team(found, rows[:4])}, lead(found, asked=asked, tries=3), NOW)
    assert (outcome.pick, outcome.kind) == (None, "held")
    assert outcome.record["sentence"] == "3 reps were asked and none took it."


def test_a_lead_that_was_held_long_enough_may_go_to_a_rep_who_was_asked_before() -> None:
    found = policy()
    for flags, pick in (
        ({"held": True}, None),
        ({"held": True, "rested": True}, uid(1)),
        ({"held": True, "overdue": True}, uid(1)),
    ):
        case = lead(found, asked=frozenset({uid(1)}), tries=1, **flags)
        assert decide(found, {"team": team(found, [rep(1)])}, case, NOW).pick == pick


def test_deciding_changes_nothing_it_was_given() -> None:
    found = policy()
    teams = {"team": team(found, [rep(1), rep(2)])}
    first, again = (decide(found, teams, lead(found), NOW) for _ in range(2))
    assert first.record == again.record
    assert [(one.credit, one.last_turn, one.load.open) for one in teams["team"].members] == [(0, 0, 0)] * 2
