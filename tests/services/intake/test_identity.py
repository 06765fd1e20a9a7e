"""Who is who: shared email joins, shared phone joins unless last names conflict, and doubts become tasks."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.identity import (
    SHARED_BY_TOO_MANY,
    Identity,
    Known,
    alias_of,
    fold_name,
    identify,
    keys_of,
    suggesting_keys,
)

ADA, BEN, CY = UUID(int=1), UUID(int=2), UUID(int=3)
EMAIL, PHONE = ("email", "a@b.example"), ("phone", "+14195552001")


def known(**holders: dict[UUID, str]) -> Known:
    """e, p: who has the email and the phone, under which names (several with a slash)."""
    found = Known()
    for short, people in holders.items():
        for person, names in people.items():
            for name in names.split("/"):
                found.add({"e": EMAIL, "p": PHONE}[short], person, fold_name(name))
    return found


def test_the_same_email_is_the_same_person_in_any_case() -> None:
    assert keys_of({"email": "Ada@Example.net"}) == [("email", "ada@example.net")]
    assert identify([EMAIL], "Other", known(e={ADA: "Byron"})) == Identity(ADA)


def test_a_shared_phone_with_another_last_name_is_a_new_person_and_a_task() -> None:
    assert identify([PHONE], "Miller", known(p={ADA: "Byron"})) == Identity(None, maybe=((ADA, "one phone, two last names"),))
    assert identify([PHONE], "byron", known(p={ADA: "Byron"})) == Identity(ADA)
    assert identify([PHONE], "", known(p={ADA: "Byron"})) == Identity(ADA)


def test_on_a_family_phone_the_one_with_this_very_name_is_meant() -> None:
    family = known(p={ADA: "", BEN: "Byron", CY: "Miller"})
    assert identify([PHONE], "Byron", family).person_id == BEN
    assert identify([PHONE], "Miller", family).person_id == CY
    assert identify([PHONE], "Jones", family).person_id == ADA


def test_a_key_shared_by_too_many_says_nothing() -> None:
    crowd = {UUID(int=n): f"Name{n}" for n in range(1, SHARED_BY_TOO_MANY + 2)}
    assert identify([PHONE], "Name1", known(p=crowd)) == Identity(None)
    names = "/".join(f"Name{n}" for n in range(SHARED_BY_TOO_MANY + 1))
    assert identify([EMAIL], "Name1", known(e={ADA: names})) == Identity(None)
    fewer = {person: name for person, name in crowd.items() if person.int <= SHARED_BY_TOO_MANY}
    assert identify([PHONE], "Name1", known(p=fewer)).person_id == ADA


def test_of_several_the_oldest_is_meant() -> None:
    assert identify([EMAIL], "", known(e={BEN: "", ADA: ""})).person_id == ADA


def test_an_email_of_one_and_a_phone_of_another_are_one_person() -> None:
    assert identify([EMAIL, PHONE], "Byron", known(e={BEN: "Byron"}, p={ADA: "byron"})) == Identity(BEN, same=(ADA,))


def test_two_with_conflicting_names_or_kept_apart_by_people_are_never_joined() -> None:
    doubt = Identity(BEN, maybe=((ADA, "the email of one, the phone of another"),))
    assert identify([EMAIL, PHONE], "Miller", known(e={BEN: "Byron"}, p={ADA: "Miller"})) == doubt
    assert identify([EMAIL, PHONE], "Miller", known(e={BEN: "Byron/"}, p={ADA: "Miller/"})) == doubt, (
        "no name is no name in common"
    )
    apart = known(e={BEN: "Byron"}, p={ADA: "Byron"})
    apart.apart.add(frozenset((ADA, BEN)))
    assert identify([EMAIL, PHONE], "Byron", apart) == Identity(BEN)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Müller", "MU\u0308LLER"),
        ("Straße", "STRASSE"),
        ("O'Brien", "O’Brien"),
        ("Smith-Jones", "smith jones"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
        (" de la Cruz ", "De La Cruz"),
        ("ｷﾑﾗ", "キムラ"),
    ],
)
def test_last_names_compare_whatever_their_case_composition_and_punctuation(one: str, other: str) -> None:
    assert fold_name(one) == fold_name(other)


def test_different_names_stay_different() -> None:
    assert len({fold_name(name) for name in ("Muller", "Müller", "Nuñez", "Nunez", "李", "王", "İnan", "Inan")}) == 8


def test_dots_and_tags_only_suggest() -> None:
    assert alias_of("ada.byron+tap@googlemail.com") == "adabyron@gmail.com"
    assert alias_of("ada.byron+tap@firm.example") == "ada.byron@firm.example"
    assert suggesting_keys([("email", "ada@firm.example")]) == [("alias", "ada@firm.example")]
    twin = Known()
    twin.add(("alias", "adabyron@gmail.com"), ADA, fold_name("Byron"))
    found = identify([("email", "adabyron@gmail.com")], "Byron", twin)
    assert found == Identity(None, maybe=((ADA, "emails that differ only in dots or a tag"),))
    assert identify([("email", "adabyron@gmail.com")], "Miller", twin) == Identity(None)


@given(st.text())
def test_what_is_folded_stays_folded(text: str) -> None:
    assert fold_name(fold_name(text)) == fold_name(text)
    alias = alias_of(f"{text}@gmail.com")
    assert alias_of(alias) == alias
