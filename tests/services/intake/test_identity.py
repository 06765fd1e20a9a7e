"""Who is who: shared email joins, shared phone joins unless last names conflict."""

from uuid import UUID

from services.intake.domain.identity import SHARED_BY_TOO_MANY, Identity, Known, identify, keys_of

ADA, BEN = UUID(int=1), UUID(int=2)


def known(**holders: dict[UUID, str]) -> Known:
    return Known({("phone" if key.startswith("p") else "email", key): people for key, people in holders.items()})


def test_the_same_email_is_the_same_person_in_any_case() -> None:
    assert keys_of({"email": "Ada@Example.net"}) == [("email", "ada@example.net")]
    assert identify([("email", "e")], "Other", known(e={ADA: "Byron"})).person_id == ADA


def test_a_shared_phone_with_another_last_name_is_a_new_person_and_a_task() -> None:
    assert identify([("phone", "p")], "Miller", known(p={ADA: "Byron"})) == Identity(None, ADA)
    assert identify([("phone", "p")], "byron", known(p={ADA: "Byron"})).person_id == ADA
    assert identify([("phone", "p")], "", known(p={ADA: "Byron"})).person_id == ADA


def test_a_key_shared_by_too_many_says_nothing() -> None:
    crowd = {UUID(int=n): "Byron" for n in range(1, SHARED_BY_TOO_MANY + 2)}
    assert identify([("phone", "p")], "Byron", known(p=crowd)) == Identity(None)


def test_the_oldest_person_wins() -> None:
    assert identify([("email", "e")], "", known(e={BEN: "", ADA: ""})).person_id == ADA
