"""What a submission earns by the agreement, and that a raised hand is never held back."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.qualification import History, judge, lines_of, score_lines
from services.intake.use_cases.terms import terms_in_force
from tests.services.intake.support import SHIPPED, plus_newsletter

AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
NOTHING = History()
OWNER = '\n[[score.answers]]\nanswer = "owner"\nvalues = ["Yes"]\npoints = 10\n\n[tiers.P1]'


def earned(text: str = SHIPPED, history: History = NOTHING, **content: Any) -> dict[str, int]:
    given = {"fields": {}, "attribution": {}, "answers": {}} | content
    return {line.rule: line.points for line in lines_of(given, history, terms_in_force("h", text).terms, AT)}


def verdict(text: str = SHIPPED, **fields: str) -> tuple[str, str, str | None]:
    terms = terms_in_force("h", text).terms
    lines = lines_of({"fields": fields, "attribution": {}}, History(), terms, AT)
    found = judge(fields, score_lines(lines, AT, terms.points), terms)
    return found.stage, found.tier, found.reason


def test_every_point_has_its_rule() -> None:
    fields = {"email": "a@maple.example", "phone": "+14195552001", "selection": "emergency", "message": "Water is running down."}
    assert earned(fields=fields, attribution={"utm_source": "LSA"}, history=History(True, True, True, True)) == {
        "service_offered": 25,
        "valid_phone": 15,
        "valid_email": 10,
        "in_area": 30,
        "disposable_email": -30,
        "existing_client": 20,
        "long_message": 10,
        "repeat": 15,
        "hot_source": 15,
        "not_interested": -25,
        "selection": 70,
    }


def test_an_answer_counts_where_the_agreement_says_so_and_a_call_is_known_by_its_log() -> None:
    text = SHIPPED.replace("[tiers.P1]", OWNER)
    assert earned(text, answers={"owner": " yes "})["answer:owner"] == 10
    assert "answer:owner" not in earned(text, answers={"owner": ["yes"]})
    assert earned(answers={"duration": 35, "answered": True})["phone_call"] == 20


@pytest.mark.parametrize(
    ("code", "stage"),
    [
        *((code, "mql") for code in ("43004", "43004-1234", "sw1a 1aa", "OH 43004", "43004, Toledo", "Toledo,OH,43004-1234")),
        *((code, "mql") for code in ("", "n/a", "-", "Toledo")),
        *((code, "mql") for code in ("5 Elm St", "Apt 12b, Elm", "9 Elm St, Toledo, OH 43004", "Unit 7, sw1a 1aa")),
        *((code, "disqualified") for code in ("90210", "CA 90210", "SW1A 1AB", "5 Elm St, 90210", "M1 1AE", "4051")),
    ],
)
def test_a_postal_code_compares_as_people_write_it(code: str, stage: str) -> None:
    text = SHIPPED.replace("postal_codes = []", 'postal_codes = ["43004", "SW1A1AA"]')
    assert verdict(text, email="a@maple.example", selection="estimate", postal_code=code)[0] == stage


@pytest.mark.parametrize(
    ("code", "rule"), [("OH 43004", "in_area"), ("n/a", "area_unknown"), ("5 Elm St", "area_unknown"), ("", "area_unknown")]
)
def test_a_text_without_a_code_earns_as_much_as_none(code: str, rule: str) -> None:
    text = SHIPPED.replace("postal_codes = []", 'postal_codes = ["43004"]')
    assert {"in_area", "area_unknown"} & set(earned(text, fields={"postal_code": code})) == {rule}


def test_only_an_emergency_is_p1_and_only_hands_not_raised_are_nurtured() -> None:
    assert verdict(selection="emergency")[1] == "P1"
    assert verdict(selection="question", email="a@b.example")[:2] == ("mql", "P3")
    assert verdict(plus_newsletter(), selection="newsletter", email="a@b.example")[0] == "nurturing"


@pytest.mark.parametrize(("hot_at", "tier"), [(0, "P2"), (1, "P3")])
def test_a_lead_is_hot_from_the_very_score_the_agreement_names(hot_at: int, tier: str) -> None:
    fields = {"email": "a@maple.example", "phone": "+14195552001", "selection": "estimate"}
    terms = terms_in_force("h", SHIPPED).terms
    score = score_lines(lines_of({"fields": fields, "attribution": {}}, NOTHING, terms, AT), AT, terms.points).score
    assert verdict(SHIPPED.replace("hot_at = 65", f"hot_at = {score + hot_at}"), **fields)[1] == tier


@given(st.dictionaries(st.sampled_from(["email", "phone", "message", "selection", "postal_code", "last_name"]), st.text()))
def test_whoever_raises_a_hand_where_we_work_is_qualified(fields: dict[str, str]) -> None:
    assert verdict(**fields)[0] == "mql"
