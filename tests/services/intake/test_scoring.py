"""The score is the sum of its lines, at every moment, and fades as agreed."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.scoring import Line, Score, evaluate
from tests.services.intake.conftest import Doors
from tests.services.intake.support import Intake

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def scored(*lines: Line, at: datetime = NOW, cap: int = 70) -> Score:
    return evaluate(lines, at, half_life_days=7, cap=cap, grades=[75, 50, 25])


def line(axis: str, points: int, days_ago: float = 0, kind: str = "a") -> Line:
    return Line(axis, kind, "rule", "because", points, NOW - timedelta(days=days_ago))


LINES = st.lists(
    st.builds(
        line,
        st.sampled_from(["fit", "intent"]),
        st.integers(-100, 100),
        st.floats(-3, 60, allow_nan=False),
        st.sampled_from(["a", "b", "c"]),
    ),
    max_size=20,
)


@given(LINES, st.integers(0, 60))
def test_the_rows_always_add_up_to_the_score(lines: list[Line], days: int) -> None:
    at = NOW + timedelta(days=days)
    found = evaluate(lines, at, half_life_days=7, cap=70, grades=[75, 50, 25])
    assert sum(point.counts for point in found.points) == found.score * 1000
    assert 0 <= found.score <= 100
    assert evaluate(lines, at, half_life_days=7, cap=70, grades=[75, 50, 25]) == found  # a replay finds the same


def test_intent_halves_in_a_week_and_fit_stays() -> None:
    lines = [line("fit", 50), line("intent", 60)]
    assert (scored(*lines).score, scored(*lines).grade) == (56, "B2")
    later = scored(*lines, at=NOW + timedelta(days=7))
    assert (later.fit, later.intent, later.score, later.grade) == (50, 30, 38, "B3")


def test_a_group_counts_up_to_its_cap_and_a_line_of_the_future_not_yet() -> None:
    repeats = [line("intent", 15, kind="engagement") for _ in range(10)]
    assert scored(*repeats).intent == 70
    assert [point.reason for point in scored(*repeats).points][-1] == "at most 70 for engagement"
    assert scored(line("intent", 30, days_ago=-1)).score == 0


def test_nobody_scores_below_nothing_or_above_everything() -> None:
    assert scored(line("intent", -25)).score == 0
    assert scored(*(line("fit", 60, kind=kind) for kind in "abc")).fit == 100


async def test_every_point_is_shown_as_decided_and_as_of_now(intake: Intake, doors: Doors, keyed: dict[str, str]) -> None:
    at = datetime.now(UTC) - timedelta(days=7)
    lead = await intake.lead(email="ada@maple.example", selection="estimate", message="The tap drips all day long.", at=at)
    found = (await doors.http.get(f"/v1/leads/{lead}/score", headers=keyed)).json()
    assert found["score"] == await intake.value("SELECT score FROM lead")
    for side in (found, found["now"]):
        assert round(sum(point["counts"] for point in side["points"]), 6) == side["score"]
    asked = {point["reason"]: point["points"] for point in found["points"]}
    now = {point["reason"]: point["points"] for point in found["now"]["points"]}
    assert asked["asked for estimate"] == 45
    assert 22 < now["asked for estimate"] <= 22.5
    assert now["in the service area"] == asked["in the service area"]
    unknown = await doors.http.get("/v1/leads/01a20e04-bfa1-7502-bdac-a80125a82998/score", headers=keyed)
    assert unknown.status_code == 404
