"""When a touch is due: days in the company's zone, minutes from arrival, and never one that is already too late."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.followup.domain.plans import PlanError, read_plan, slots
from services.followup.settings import PLAN

NEW_YORK = ZoneInfo("America/New_York")


def due(days: date, arrived: datetime) -> dict[str, datetime]:
    found = slots(read_plan(PLAN.read_text()), completed_on=days, arrived_at=arrived, zone=NEW_YORK)
    return {slot.step.key: slot.due_at for slot in found}


def test_the_thank_you_is_now_and_days_are_local() -> None:
    arrived = datetime(2026, 10, 30, 23, 30, tzinfo=UTC)
    found = due(date(2026, 10, 30), arrived)
    assert found["thank_you"] == arrived
    # 2 November is after the clocks went back: 10:00 there is 15:00 UTC, not 14:00
    assert found["check_in"] == datetime(2026, 11, 2, 15, 0, tzinfo=UTC)
    assert found["anniversary"] == datetime(2027, 10, 30, 14, 0, tzinfo=UTC)


def test_a_late_fact_never_makes_an_expired_touch() -> None:
    arrived = datetime(2026, 11, 24, 12, tzinfo=UTC)
    assert set(due((arrived - timedelta(days=400)).date(), arrived)) == set()
    assert "thank_you" not in due((arrived - timedelta(days=10)).date(), arrived)
    assert "referral" in due((arrived - timedelta(days=10)).date(), arrived)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("plan = ", "This is not TOML"),
        ('plan = "x"\nversion = 1', "The plan lacks 'steps'"),
        ('plan = "x"\nversion = 1\n[steps.a]\npurpose = "spam"\nsubject = "s"\nafter_days = 1', "the purpose is one of"),
        ('plan = "x"\nversion = 1\n[steps.a]\npurpose = "service"\nsubject = "s"', "give either"),
        ('plan = "x"\nversion = 1\n[steps.a]\nwhen = 1\npurpose = "service"\nsubject = "s"\nafter_days = 1', "is not known"),
    ],
)
def test_a_wrong_plan_says_what_to_do(text: str, sentence: str) -> None:
    with pytest.raises(PlanError, match=sentence):
        read_plan(text)
