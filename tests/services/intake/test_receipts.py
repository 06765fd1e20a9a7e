"""A repeat gets the same answer, whatever says that it is one."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from uuid_utils.compat import uuid7

from services.intake.domain.submissions import Submission, idempotency_key
from services.intake.store.receipts import Captured, Keep, capture
from shared.database import Database

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
KEEP = Keep(content=timedelta(minutes=10), keys=timedelta(hours=24), provider_ids=timedelta(days=30))


def submission(said: str, key: str | None = None, *, provider: bool = False, held: str | None = None) -> Submission:
    return Submission(
        lead_id=UUID(str(uuid7())),
        form="api",
        content={"fields": {"message": said}},
        received_at=NOW,
        test=False,
        content_key=f"{held or ''}{said}".encode(),
        said_key=said.encode(),
        held=held,
        idempotency_key=idempotency_key(key) if key else None,
        is_provider_id=provider,
    )


async def taken(database: Database, *submissions: Submission, later: timedelta = timedelta()) -> list[Captured]:
    async with database.transaction() as unit:
        return await capture(unit, list(submissions), NOW + later, KEEP)


async def count(database: Database) -> int:
    async with database.reading() as unit:
        return int(await unit.value("SELECT count(*) FROM submission"))


async def test_a_key_used_again_gets_the_same_answer_and_another_content_is_told(intake_database: Database) -> None:
    first, again, other = submission("a", "k"), submission("a", "k"), submission("b", "k")
    one, two, three = await taken(intake_database, first, again, other)
    assert (one.repeated, two.repeated, three.conflict) == (False, True, True)
    assert one.lead_id == two.lead_id == three.lead_id
    two, three = await taken(intake_database, submission("a", "k"), submission("b", "k"), later=timedelta(hours=1))
    assert (two, three) == (Captured(one.lead_id, True, False), Captured(one.lead_id, True, True))
    assert await count(intake_database) == 1


async def test_the_same_content_under_two_keys_is_one_lead_for_both_keys(intake_database: Database) -> None:
    first, second, echo = await taken(intake_database, submission("a", "k1"), submission("a", "k2"), submission("a", "k2"))
    assert first.lead_id == second.lead_id == echo.lead_id
    (later,) = await taken(intake_database, submission("a", "k2"), later=timedelta(hours=2))
    assert later == Captured(first.lead_id, True, False)
    assert await count(intake_database) == 1


async def test_what_was_accepted_takes_the_key_of_what_was_set_aside_and_never_the_other_way(intake_database: Database) -> None:
    (held,) = await taken(intake_database, submission("a", "k", held="a robot?"))
    (again,) = await taken(intake_database, submission("a", "k", held="another reason"))
    assert again == Captured(held.lead_id, True, False)
    (other,) = await taken(intake_database, submission("b", "k"))
    assert other.conflict
    (accepted,) = await taken(intake_database, submission("a", "k"))
    assert (accepted.repeated, accepted.lead_id != held.lead_id) == (False, True)
    late = await taken(intake_database, submission("a", "k"), submission("a", "k", held="a robot?"), later=timedelta(hours=1))
    assert late == [Captured(accepted.lead_id, True, False)] * 2
    robot, person = await taken(intake_database, submission("c", "k2", held="a robot?"), submission("c", "k2"))
    assert robot.lead_id == person.lead_id
    assert not person.repeated


async def test_a_senders_own_id_is_recognised_for_a_month_even_in_another_shape(intake_database: Database) -> None:
    (first,) = await taken(intake_database, submission("as text", "e:77", provider=True))
    (again,) = await taken(intake_database, submission("as number", "e:77", provider=True), later=timedelta(days=20))
    assert again == Captured(first.lead_id, True, False)


async def test_under_a_senders_own_id_what_was_set_aside_gives_way_to_what_comes_good(intake_database: Database) -> None:
    (held,) = await taken(intake_database, submission("no phone", "e:77", provider=True, held="no valid email or phone"))
    (good,) = await taken(intake_database, submission("a phone", "e:77", provider=True), later=timedelta(days=1))
    assert (good.repeated, good.lead_id != held.lead_id) == (False, True)
    late = submission("no phone", "e:77", provider=True, held="no valid email or phone")
    assert await taken(intake_database, late, later=timedelta(days=2)) == [Captured(good.lead_id, True)]
    bad = submission("no email", "e:78", provider=True, held="no valid email or phone")
    one, other = await taken(intake_database, bad, submission("an email", "e:78", provider=True))
    assert (one.lead_id, other.repeated) == (other.lead_id, False)


async def test_the_same_content_after_ten_minutes_is_a_new_submission(intake_database: Database) -> None:
    (first,) = await taken(intake_database, submission("a"))
    (soon,) = await taken(intake_database, submission("a"), later=timedelta(minutes=9))
    (late,) = await taken(intake_database, submission("a"), later=timedelta(minutes=11))
    assert soon == Captured(first.lead_id, True)
    assert not late.repeated
