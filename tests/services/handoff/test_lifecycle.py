"""A later step implies the earlier ones; what contradicts the state is refused."""

import pytest

from services.handoff.domain.lifecycle import STEPS, Illegal, Step, steps_to


def test_won_from_an_offer_implies_what_was_skipped_in_order() -> None:
    assert steps_to("offered", "won") == [
        Step("accepted", True),
        Step("contacted", True),
        Step("sales_qualified", True),
        Step("won", False),
    ]


def test_lost_from_an_offer_implies_accepted_only() -> None:
    assert steps_to("offered", "lost") == [Step("accepted", True), Step("lost", False)]


@pytest.mark.parametrize("step", [*STEPS, "lost", "recycled"])
def test_a_repeat_changes_nothing(step: str) -> None:
    assert steps_to(step, step) == []


def test_an_earlier_step_reported_late_changes_nothing() -> None:
    assert steps_to("proposed", "contacted") == []


@pytest.mark.parametrize("step", STEPS)
def test_an_earlier_step_reported_after_the_sale_changes_nothing(step: str) -> None:
    assert steps_to("won", step) == []


@pytest.mark.parametrize("state", ["lost", "recycled", "held", "merged", "erased"])
def test_a_contradiction_is_refused_with_a_sentence(state: str) -> None:
    with pytest.raises(Illegal, match=r"cannot become contacted\.$"):
        steps_to(state, "contacted")
