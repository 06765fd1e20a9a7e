"""The script of a pasted form in a page that is played: what it sends, repeats, marks and shows."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from shared.settings import ROOT

CASE, SCRIPT = Path(__file__).with_name("embed_case.js"), ROOT / "services/intake/pages/embed.v1.js"
TAKEN: list[Any] = [202, {"lead_id": "l", "redirect_url": "/f/contact/thanks"}]
WRONG: list[Any] = [422, {"errors": [{"field": "email", "detail": "This isn't a valid email address."}]}]

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="no node here to run the script")


def play(*answers: Any) -> dict[str, Any]:
    command = ["node", str(CASE), str(SCRIPT), json.dumps(answers)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_it_sends_what_was_typed_with_where_they_came_from_and_thanks() -> None:
    found = play(TAKEN)
    (post,) = found["posts"]
    assert post["url"] == "https://intake.example/f/contact"
    assert post["body"] == {
        "email": "ada@maple.example",
        "gclid": "g1",
        "landing_page": "https://maple.example/offer",
        "referrer": "https://search.example/",
        "_page": "https://maple.example/offer?gclid=g1",
    }
    assert (found["thanks"], found["busy"]) == ("Thank you. We have your message.", None)


def test_a_mistake_is_said_beside_its_field_and_in_a_summary() -> None:
    found = play(WRONG)
    assert (found["invalid"], found["beside"]) == ("true", "This isn't a valid email address.")
    assert found["summary"][:2] == ["alert", "There is a problem"]
    assert found["thanks"] is None


@pytest.mark.parametrize(
    "refused", [[503, {}, {"Retry-After": "3"}], [409, {}, {"Retry-After": "3"}], [429, {}, {"Retry-After": "3"}], [0, None]]
)
def test_it_tries_again_with_the_same_key_when_it_was_told_to(refused: list[Any]) -> None:
    found = play(refused, TAKEN)
    assert len({post["key"] for post in found["posts"]}) == 1
    assert found["waits"] == [3000 if refused[0] else 1000]
    assert found["thanks"] is not None


def test_a_long_wait_is_told_to_the_person_instead_and_in_the_language_of_the_form() -> None:
    busy = [429, {"detail": "Too many posts. Please try again in 60 s."}, {"Retry-After": "60"}]
    found = play(busy, {"failed": "Das ging nicht."}, busy, WRONG)
    assert (len(found["posts"]), found["waits"]) == (3, [])
    assert found["said"] == [busy[1]["detail"], "Das ging nicht.", "This isn't a valid email address."]


def test_a_repeat_keeps_its_key_and_a_correction_has_another() -> None:
    found = play([503, {"detail": "Not now."}, {"Retry-After": "60"}], WRONG, "changed", TAKEN)
    first, again, corrected = [post["key"] for post in found["posts"]]
    assert first == again != corrected


def test_when_nothing_helps_it_says_so_and_the_form_stays() -> None:
    found = play([0, None], [0, None], [0, None])
    assert len(found["posts"]) == 3
    assert found["summary"][0] == "alert"
    assert found["thanks"] is None
