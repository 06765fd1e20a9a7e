"""Who gets into a plan, once; what pauses and ends it; who shares a roof."""

from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from services.followup import store
from services.followup.settings import PLAN
from services.followup.use_cases.consent import suppress_address, unsubscribe
from services.followup.use_cases.conversations import Conversations
from services.followup.use_cases.preferences import set_preferences
from services.followup.use_cases.tell import set_address, set_household, set_stopped
from services.followup.use_cases.texts import Texts
from shared import events
from shared.consumer import Refused
from shared.database import Database
from tests.services.followup.company import NOW, Company


@pytest.fixture
async def company(followup_database: Database) -> Company:
    found = Company(followup_database)
    await found.agree()
    return found


async def test_a_job_twice_enrols_once(company: Company) -> None:
    won = await company.win()
    await company.complete(won)
    await company.complete(won, now=NOW + timedelta(days=1))
    touches = await company.touches(won.person_id)
    assert touches["thank_you"]["state"] == "planned"
    assert touches["thank_you"]["due_at"] == NOW
    async with company.database.reading() as unit:
        assert await unit.value("SELECT count(*) FROM enrolment") == 1


async def test_every_touch_of_a_new_client_is_planned(company: Company) -> None:
    touches = await company.touches(await company.client())
    assert {row["state"] for row in touches.values()} == {"planned"}
    assert {"thank_you", "check_in", "review", "referral", "anniversary"} <= set(touches)
    first = touches["check_in"]
    assert (str(first["local_date"]), str(first["local_time"]), first["zone"]) == ("2026-11-27", "10:00:00", "America/New_York")


async def test_a_second_job_is_a_second_enrolment_and_no_second_newsletter(company: Company) -> None:
    won = await company.win()
    await company.complete(won, job_id="a")
    await company.complete(won, job_id="b", now=NOW + timedelta(days=40))
    async with company.database.reading() as unit:
        rows = await unit.fetch("SELECT step, cycle, count(*) AS n FROM touch GROUP BY 1, 2")
    counts = {(row["step"], row["cycle"]): row["n"] for row in rows}
    assert counts["anniversary", 1] == 2
    assert {n for (step, _), n in counts.items() if step == "tips"} == {1}


@pytest.mark.parametrize("outcome", ["warranty_callback", "Warranty Callback", "WARRANTY-CALLBACK "])
async def test_a_warranty_callback_is_no_reason_to_write(company: Company, outcome: str) -> None:
    won = await company.win()
    await company.complete(won, outcome=outcome)
    assert await company.touches(won.person_id) == {}


@pytest.mark.parametrize("trade", ["heat pump", "Heat Pump", "heat-pump"])
async def test_a_trade_is_the_same_however_a_crm_writes_it(company: Company, trade: str) -> None:
    head = 'plan = "pumps"\nversion = 1\n[enrol]\nwhere = { trade = "Heat_pump" }\n'
    await company.publish(f'{head}[step.tip]\nafter = "2 days"\npurpose = "newsletter"\nwhen = {{ trade = "heat pump" }}\n')
    won = await company.win()
    await company.complete(won, trade=trade)
    assert (await company.touches(won.person_id))["tip"]["state"] == "planned"


async def test_a_job_of_a_lead_that_was_never_won_is_refused(company: Company) -> None:
    lost = events.LeadWon(lead_id=uuid4(), person_id=uuid4(), amount="1", currency="USD", at=NOW, contact=events.Contact())
    with pytest.raises(Refused):
        await company.complete(lost)


async def test_a_complaint_holds_everything_until_it_is_closed(company: Company) -> None:
    won = await company.win()
    await company.complete(won)
    await company.hear(company.clients.remember, events.ComplaintOpened(lead_id=won.lead_id))
    assert {row["state"] for row in (await company.touches(won.person_id)).values()} == {"paused"}
    later = NOW + timedelta(days=8)
    await company.hear(company.clients.remember, events.ComplaintClosed(lead_id=won.lead_id), now=later)
    touches = await company.touches(won.person_id)
    assert touches["thank_you"]["reason"] == "expired"
    assert touches["review"]["state"] == "planned"
    assert touches["review"]["due_at"] >= later


@pytest.mark.parametrize("merged", [False, True])
async def test_a_complaint_from_before_the_sale_holds_too(company: Company, merged: bool) -> None:
    person, lead, other = uuid4(), uuid4(), uuid4()
    await company.hear(company.clients.remember, events.ComplaintOpened(lead_id=lead, person_id=other if merged else person))
    if merged:
        await company.hear(company.merges.merge_persons, events.PersonMerged(lead_id=lead, person_id=other, into=person))
    won = await company.win(person_id=person)
    await company.complete(won)
    assert await company.touches(person) == {}
    await company.hear(company.clients.remember, events.ComplaintClosed(lead_id=lead, person_id=person))
    assert (await company.touches(person))["thank_you"]["state"] == "planned"


@pytest.mark.parametrize("kind", ["complaint.open", "conversation.open"])
async def test_a_job_done_while_a_complaint_or_a_talk_is_open_waits_too(company: Company, kind: str) -> None:
    first = await company.win()
    await company.complete(first)
    second = await company.win(person_id=first.person_id)
    async with company.database.transaction() as unit:
        await company.pauses.hold(unit, kind, [(first.person_id, "x")], NOW)
    await company.complete(second, job_id="job-2", now=NOW + timedelta(hours=1))
    assert {state for state, _ in await states(company)} == {"paused"}
    assert {row["state"] for row in (await company.touches(first.person_id)).values()} == {"paused"}
    later = NOW + timedelta(hours=2)
    async with company.database.transaction() as unit:
        await company.pauses.release(unit, kind, [first.person_id], later)
    assert await states(company) == {("active", None)}
    touches = await company.touches(first.person_id)
    assert {row["state"] for row in touches.values()} == {"planned"}
    assert touches["thank_you"]["expires_at"] > later


async def test_a_job_that_is_done_is_thanked_for_while_another_one_is_open(company: Company) -> None:
    done = await company.win()
    await company.win(person_id=done.person_id)
    await company.complete(done)
    assert (await company.touches(done.person_id))["thank_you"]["state"] == "planned"


@pytest.mark.parametrize("complains", ["loser", "survivor"])
async def test_a_complaint_holds_everything_of_both_who_are_one(company: Company, complains: str) -> None:
    people = {"loser": await company.win(), "survivor": await company.win()}
    for job_id, won in people.items():
        await company.complete(won, job_id=job_id)
    await company.hear(company.clients.remember, events.ComplaintOpened(lead_id=people[complains].lead_id))
    loser, survivor = people["loser"], people["survivor"]
    merged = events.PersonMerged(lead_id=loser.lead_id, person_id=loser.person_id, into=survivor.person_id)
    await company.hear(company.merges.merge_persons, merged)
    assert await states(company) == {("paused", "complaint.open")}
    assert {row["state"] for row in (await company.touches(survivor.person_id)).values()} == {"paused"}
    await company.hear(company.clients.remember, events.ComplaintClosed(lead_id=people[complains].lead_id))
    assert await states(company) == {("active", None)}


async def states(company: Company) -> set[tuple[str, str | None]]:
    """In which states enrolments are, and why."""
    async with company.database.reading() as unit:
        return {(row["state"], row["reason"]) for row in await unit.fetch("SELECT state, reason FROM enrolment")}


async def test_an_open_job_holds_the_plan_of_the_last_one(company: Company) -> None:
    person_id = await company.client()
    won = await company.win(person_id=person_id)
    assert {row["state"] for row in (await company.touches(person_id)).values()} == {"paused"}
    await company.complete(won, job_id="job-2")
    async with company.database.reading() as unit:
        assert {row["state"] for row in await unit.fetch("SELECT state FROM enrolment")} == {"active"}


async def test_who_comes_back_with_another_address_is_written_to_there(company: Company) -> None:
    first = await company.win(email="ada@old.example", phone="+14195550134")
    await company.complete(first)
    async with company.database.transaction() as unit:
        await suppress_address(unit, company.planner.addresses, "email", "ada@old.example", "hard_bounce", NOW)
    assert (await company.touches(first.person_id))["anniversary"]["reason"] == "hard_bounce"
    again = await company.win(person_id=first.person_id, email="ada@new.example", now=NOW + timedelta(days=90))
    await company.complete(again, job_id="job-2", now=NOW + timedelta(days=91))
    async with company.database.reading() as unit:
        contact = (await store.clients.find(unit, first.person_id))["contact"]
    assert (contact["email"], contact["phone"]) == ("ada@new.example", "+14195550134")
    assert (await company.touches(first.person_id))["anniversary"]["state"] == "planned"


async def test_a_no_holds_for_the_address_they_come_back_with(company: Company) -> None:
    client_id = await company.client(email="ada@old.example")
    await one_click(company, client_id, NOW + timedelta(hours=1))
    await company.win(person_id=client_id, email="ada@new.example", now=NOW + timedelta(days=90))
    await company.plan(client_id, NOW + timedelta(days=90))
    assert (await company.touches(client_id))["anniversary"]["reason"] == "opt_out"


async def test_nobody_is_forgotten_because_nobody_closed_a_complaint(company: Company) -> None:
    won = await company.win()
    await company.complete(won)
    await company.hear(company.clients.remember, events.ComplaintOpened(lead_id=won.lead_id))
    await company.planner_turn(NOW + timedelta(days=181))
    touches = await company.touches(won.person_id)
    assert touches["anniversary"]["state"] == "planned"


async def test_a_client_who_moved_hears_no_more(company: Company) -> None:
    client_id = await company.client()
    async with company.database.transaction() as unit:
        await company.pauses.stop(unit, [client_id], "client.moved", NOW)
    touches = await company.touches(client_id)
    assert {(row["state"], row["reason"]) for row in touches.values()} == {("skipped", "moved")}


async def test_a_review_ends_the_asking_for_one(company: Company) -> None:
    won = await company.win()
    await company.complete(won)
    await company.hear(company.clients.remember, events.ReviewReceived(lead_id=won.lead_id, stars=2))
    touches = await company.touches(won.person_id)
    assert touches["review"]["reason"] == "until review.received"
    assert touches["referral"]["state"] == "planned"


async def test_who_sent_us_a_client_is_thanked_once(company: Company) -> None:
    referrer = await company.client()
    won = await company.win(referred_by=referrer, now=NOW + timedelta(days=3))
    rows = [row for step, row in (await company.touches(referrer)).items() if step.startswith("referral_thanks")]
    assert [(row["state"], row["due_at"]) for row in rows] == [("planned", NOW + timedelta(days=3))]
    await company.hear(company.clients.create_client, won, now=NOW + timedelta(days=4))
    rows = [row for step, row in (await company.touches(referrer)).items() if step.startswith("referral_thanks")]
    assert len(rows) == 1


@pytest.mark.parametrize("state", ["planned", "sending", "sent", "failed"])
async def test_who_had_two_jobs_hears_once_what_is_for_the_client(company: Company, state: str) -> None:
    """Whether it went out for the first job, or is on its way: the second job's plan does not begin it again."""
    first = await company.win()
    await company.complete(first)
    second = await company.win(person_id=first.person_id)
    await company.complete(second, job_id="job-2")
    await company.win(referred_by=first.person_id, now=NOW + timedelta(days=3))
    async with company.database.transaction() as unit:
        query = "UPDATE touch SET state = $1, settled_at = due_at WHERE step = 'referral_thanks' RETURNING id"
        assert len(await unit.fetch(query, state)) == 1
        await company.planner.plan(unit, [first.person_id], NOW + timedelta(days=3, minutes=1))
        assert await unit.value("SELECT count(*) FROM touch WHERE step = 'referral_thanks'") == 1


async def test_what_is_for_the_client_comes_once_a_season_for_years(company: Company) -> None:
    """Tips and win-backs of a client of two jobs: each goes out for one of them and not for the other a week later."""
    first = await company.win()
    await company.complete(first)
    second = await company.win(person_id=first.person_id, now=NOW + timedelta(days=7))
    await company.complete(second, job_id="job-2", now=NOW + timedelta(days=7))
    for weeks in range(2, 110):
        now = NOW + timedelta(days=7 * weeks)
        async with company.database.transaction() as unit:
            query = "UPDATE touch SET state = 'sent', settled_at = due_at WHERE state = 'planned' AND due_at <= $1"
            await unit.execute(query, now)
        async with company.database.transaction() as unit:
            await company.planner.plan(unit, [first.person_id], now)
    async with company.database.reading() as unit:
        rows = await unit.fetch("SELECT step, cycle, count(*) AS n FROM touch WHERE state = 'sent' GROUP BY 1, 2")
    found = {(row["step"], row["cycle"]): row["n"] for row in rows if row["step"] in ("tips", "win_back")}
    assert {step for step, _ in found} == {"tips", "win_back"}
    assert set(found.values()) == {1}


async def test_a_couple_is_not_written_to_twice(company: Company) -> None:
    first = await company.client(last_name="Okafor", postal_code="43604")
    second = await company.client(last_name="OKAFOR ", postal_code="43604", now=NOW + timedelta(minutes=5))
    one, two = await company.touches(first), await company.touches(second)
    assert {row["state"] for row in one.values()} == {"planned"}
    for step in ("thank_you", "check_in", "review", "referral"):
        assert two[step]["state"] == "skipped"
        assert two[step]["reason"].startswith(f"household: {one[step]['id']}")


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("merges", ["first", "second"])
async def test_a_couple_is_a_couple_also_when_one_of_them_is_merged(company: Company, merges: str, known: bool) -> None:
    """Whoever of them turns out to be somebody else, new or a client already: it is the same roof."""
    roof = {"last_name": "Okafor", "postal_code": "43604"}
    couple = {"first": await company.win(**roof), "second": await company.win(**roof)}
    merged = couple.pop(merges)
    [housemate] = couple.values()
    survivor = (await company.win(last_name="Other")).person_id if known else uuid4()
    told = events.PersonMerged(lead_id=merged.lead_id, person_id=merged.person_id, into=survivor)
    await company.hear(company.merges.merge_persons, told)
    await company.complete(housemate, job_id="a")
    await company.complete(merged, job_id="b", now=NOW + timedelta(minutes=5))
    one, two = await company.touches(housemate.person_id), await company.touches(survivor)
    for step in ("thank_you", "check_in", "review", "referral"):
        assert two[step]["reason"] == f"household: {one[step]['id']} goes first"


async def skipped(company: Company, client_id: UUID) -> dict[str, str]:
    return {step: row["reason"] for step, row in (await company.touches(client_id)).items() if row["state"] == "skipped"}


async def test_who_stops_and_wants_everything_after_all_hears_what_is_still_to_come(company: Company) -> None:
    client_id = await company.client()
    before = await company.touches(client_id)
    await one_click(company, client_id, NOW + timedelta(hours=1))
    assert set((await skipped(company, client_id)).values()) == {"opt_out"}
    await company.plan(client_id, NOW + timedelta(hours=2))
    assert {"review", "referral", "anniversary"} <= set(await skipped(company, client_id))
    await everything(company, client_id, NOW + timedelta(hours=3))
    assert await skipped(company, client_id) == {}
    after = await company.touches(client_id)
    assert {step: row["id"] for step, row in after.items()} == {step: row["id"] for step, row in before.items()}
    assert {(row["reason"], row["settled_at"], row["attempt"]) for row in after.values()} == {(None, None, 0)}


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_who_told_a_person_to_stop_and_chooses_everything_later_is_a_client_like_any_other(
    company: Company, elsewhere: bool
) -> None:
    client_id = await company.client()
    async with company.database.transaction() as unit:
        await set_stopped(unit, company.pauses, client_id, NOW + timedelta(hours=1))
    year = NOW + timedelta(days=365)
    await company.complete(await company.win(person_id=client_id, now=year), job_id="job-2", now=year)
    assert {row["state"] for row in (await company.touches(client_id)).values()} == {"skipped"}
    said = events.Consent(channel="email", granted=True)
    yes = events.ConsentGranted(lead_id=uuid4(), person_id=client_id, consent=said.model_copy(update={"at": NOW}))
    await company.hear(company.clients.hear_grant, yes, now=year)  # from before the stop
    async with company.database.reading() as unit:
        assert (await store.clients.find(unit, client_id))["stopped_at"] == NOW + timedelta(hours=1)
    if elsewhere:
        yes = yes.model_copy(update={"consent": said})
        await company.hear(company.clients.hear_grant, yes, now=year + timedelta(days=1))
    else:
        await everything(company, client_id, year + timedelta(days=1))
    later = year + timedelta(days=90)
    await company.complete(await company.win(person_id=client_id, now=later), job_id="job-3", now=later)
    touches = await company.touches(client_id)
    assert {touches[step]["state"] for step in ("thank_you", "review")} == {"planned"}


async def test_a_mailbox_that_rests_takes_nothing_out_of_the_year(company: Company) -> None:
    client_id = await company.client(email="ada@example.net")
    before = {step: row["state"] for step, row in (await company.touches(client_id)).items()}
    async with company.database.transaction() as unit:
        rest = NOW + timedelta(days=30)
        await suppress_address(unit, company.planner.addresses, "email", "ada@example.net", "mailbox_full", NOW, until=rest)
    await company.plan(client_id, NOW + timedelta(minutes=1))  # as every week
    assert {step: row["state"] for step, row in (await company.touches(client_id)).items()} == before


async def test_what_was_due_while_they_did_not_want_it_stays_skipped(company: Company) -> None:
    client_id = await company.client()
    await one_click(company, client_id, NOW + timedelta(hours=1))
    await everything(company, client_id, NOW + timedelta(days=10))
    assert await skipped(company, client_id) == {"review": "opt_out", "tips 202612": "opt_out"}
    assert (await company.touches(client_id))["referral"]["state"] == "planned"


async def test_what_stays_skipped_is_told_once(company: Company) -> None:
    client_id = await company.client()
    await one_click(company, client_id, NOW + timedelta(hours=1))
    async with company.database.reading() as unit:
        told = await unit.value("SELECT count(*) FROM outbox")
        rows = await unit.fetch("SELECT * FROM touch ORDER BY id")
    for hours in (2, 3):
        await company.plan(client_id, NOW + timedelta(hours=hours))
    async with company.database.reading() as unit:
        assert await unit.value("SELECT count(*) FROM outbox") == told
        assert await unit.fetch("SELECT * FROM touch ORDER BY id") == rows


async def test_what_ended_for_good_meanwhile_says_so(company: Company) -> None:
    won = await company.win()
    await company.complete(won)
    await one_click(company, won.person_id, NOW + timedelta(hours=1))
    await company.hear(company.clients.remember, events.ReviewReceived(lead_id=won.lead_id, stars=5))
    assert (await skipped(company, won.person_id))["review"] == "until review.received"
    await everything(company, won.person_id, NOW + timedelta(hours=3))
    assert await skipped(company, won.person_id) == {"review": "until review.received"}


async def test_what_was_skipped_may_come_back_in_another_version_too(company: Company) -> None:
    client_id = await company.client()
    await one_click(company, client_id, NOW + timedelta(hours=1))
    await company.publish(PLAN.read_text().replace("version = 1", "version = 2"))
    async with company.database.transaction() as unit:
        assert await store.planning.move_to_version(unit, "after-unit", 1, 2, NOW, "cause=test")
    await everything(company, client_id, NOW + timedelta(hours=3))
    assert await skipped(company, client_id) == {}


CARD = """
plan = "card"
version = 1
[enrol]
event = "job.completed"
[step.card]
after = "30 days"
purpose = "marketing"
channel = ["{channel}"]
"""


async def test_an_address_brings_back_what_goes_by_post(company: Company) -> None:
    await company.publish(CARD.format(channel="post"))
    client_id = await company.client()
    assert (await skipped(company, client_id))["card"] == "no_address"
    async with company.database.transaction() as unit:
        answer = await set_address(unit, company.pauses, client_id, "12 Elm St, Toledo", NOW + timedelta(hours=1))
    assert (answer["gained"], answer["lost"]) == (1, 0)
    assert (await company.touches(client_id))["card"]["state"] == "planned"


async def test_start_brings_back_what_goes_by_text(company: Company) -> None:
    await company.publish(CARD.format(channel="sms"))
    client_id = await company.client(phone="+14195550123")
    assert (await skipped(company, client_id))["card"] == "opt_out"
    texts = Texts(company.planner.addresses, Conversations(company.planner.addresses, company.pauses))
    async with company.database.transaction() as unit:
        assert await texts.hear(unit, "+14195550123", "START", "1", NOW + timedelta(hours=1))
    assert (await company.touches(client_id))["card"]["state"] == "planned"


async def test_who_moves_out_hears_for_themselves(company: Company) -> None:
    first = await company.client(last_name="Okafor", postal_code="43604")
    second = await company.client(last_name="Okafor", postal_code="43604", now=NOW + timedelta(minutes=5))
    was = await skipped(company, second)
    async with company.database.transaction() as unit:
        answer = await set_household(unit, company.pauses, second, None, NOW + timedelta(hours=1))
    assert answer["gained"] == len(was) - 1
    assert set(await skipped(company, second)) == {"thank_you"}  # its day has come and gone
    assert await skipped(company, first) == {}
    async with company.database.transaction() as unit:
        await set_household(unit, company.pauses, second, first, NOW + timedelta(hours=2))
    assert set(await skipped(company, second)) | set(await skipped(company, first)) == set(was)


async def test_who_was_there_first_can_move_out_too(company: Company) -> None:
    first = await company.client(last_name="Okafor", postal_code="43604")
    second = await company.client(last_name="Okafor", postal_code="43604", now=NOW + timedelta(minutes=5))
    assert len(await skipped(company, second)) > 1
    async with company.database.transaction() as unit:
        await set_household(unit, company.pauses, first, None, NOW + timedelta(hours=1))
    assert set(await skipped(company, second)) == {"thank_you"}  # its day has come and gone


async def test_a_complaint_of_one_is_no_occasion_to_write_to_the_other(company: Company) -> None:
    first = await company.win(last_name="Okafor", postal_code="43604")
    await company.complete(first)
    second = await company.client(last_name="Okafor", postal_code="43604", now=NOW + timedelta(minutes=5))
    was = await skipped(company, second)
    await company.hear(company.clients.remember, events.ComplaintOpened(lead_id=first.lead_id), now=NOW + timedelta(hours=1))
    await company.plan(second, NOW + timedelta(hours=2))
    assert await skipped(company, second) == was
    await company.hear(company.clients.remember, events.ComplaintClosed(lead_id=first.lead_id), now=NOW + timedelta(hours=3))
    assert await skipped(company, second) == was


async def test_who_stops_does_not_stop_their_housemate(company: Company) -> None:
    first = await company.client(last_name="Okafor", postal_code="43604")
    second = await company.client(last_name="Okafor", postal_code="43604", now=NOW + timedelta(minutes=5))
    await one_click(company, first, NOW + timedelta(hours=1))
    await company.plan(second, NOW + timedelta(hours=2))
    assert set(await skipped(company, second)) == {"thank_you", "check_in"}  # the first still hears about their own job
    assert {"review", "referral", "anniversary"} <= set(await skipped(company, first))


async def one_click(company: Company, client_id: UUID, now: datetime) -> None:
    async with company.database.transaction() as unit:
        client = await store.clients.lock(unit, client_id)
        await unsubscribe(unit, company.planner.addresses, client, "email", now)


async def everything(company: Company, client_id: UUID, now: datetime) -> None:
    """They choose it on the preference page."""
    async with company.database.transaction() as unit:
        client = await store.clients.lock(unit, client_id)
        await set_preferences(unit, company.planner.addresses, company.pauses, client, "everything", "email", now)


async def test_the_same_name_elsewhere_is_somebody_else(company: Company) -> None:
    await company.client(last_name="Okafor", postal_code="43604")
    other = await company.client(last_name="Okafor", postal_code="10001")
    assert {row["state"] for row in (await company.touches(other)).values()} == {"planned"}


async def test_an_erased_client_is_not_revived(company: Company) -> None:
    won = await company.win()
    await company.hear(company.clients.erase, events.PersonErased(lead_id=won.lead_id, person_id=won.person_id))
    await company.hear(company.clients.create_client, won)
    await company.complete(won)
    assert await company.touches(won.person_id) == {}
    async with company.database.reading() as unit:
        client = await store.clients.find(unit, won.person_id)
        assert (client["contact"], client["surname"], client["erased"]) == ({}, None, True)
        assert await unit.value("SELECT count(*) FROM job") == 0


ACKNOWLEDGE = """
plan = "acknowledge"
version = 1
[enrol]
event = "lead.qualified"
[step.thank_you]
after = "0 minutes"
purpose = "service"
expires = "1 day"
"""


def qualified(person_id: UUID, **more: object) -> events.LeadQualified:
    return events.LeadQualified.model_validate(
        {
            "lead_id": uuid4(),
            "person_id": person_id,
            "form": "contact",
            "tier": "P3",
            "score": 50,
            "received_at": NOW,
            "contact": {"first_name": "Ada", "last_name": "Case", "email": "ada@maple.example"},
            "agreement": "x",
            **more,
        }
    )


async def test_nobody_is_acknowledged_by_default(company: Company) -> None:
    await company.client()
    person_id = uuid4()
    await company.hear(company.clients.acknowledge, qualified(person_id))
    async with company.database.reading() as unit:
        assert await store.clients.find(unit, person_id) is None


async def test_an_acknowledgement_goes_to_who_asked_and_never_to_who_was_named(company: Company) -> None:
    await company.publish(ACKNOWLEDGE)
    asked, named = uuid4(), uuid4()
    await company.hear(company.clients.acknowledge, qualified(asked), qualified(named, referred_by=str(uuid4())))
    assert (await company.touches(asked))["thank_you"]["state"] == "planned"
    assert await company.touches(named) == {}


async def test_a_prospect_becomes_a_client_with_the_first_won_lead(company: Company) -> None:
    await company.publish(ACKNOWLEDGE)
    person_id = uuid4()
    await company.hear(company.clients.acknowledge, qualified(person_id))
    await company.win(person_id=person_id)
    async with company.database.reading() as unit:
        assert (await store.clients.find(unit, person_id))["prospect"] is False
        sent = await unit.value("SELECT count(*) FROM outbox WHERE headers->>'ce_type' = 'leadhandoff.client.created.v1'")
    assert sent == 1


async def test_the_zone_of_a_client_moves_what_is_planned_and_says_so(company: Company) -> None:
    client_id = await company.client()
    before = (await company.touches(client_id))["review"]
    await company.agree("America/Los_Angeles", NOW + timedelta(minutes=1))
    await company.planner_turn(NOW + timedelta(minutes=2))
    after = (await company.touches(client_id))["review"]
    assert after["local_time"] == before["local_time"]
    assert after["due_at"] - before["due_at"] == timedelta(hours=3)
    async with company.database.reading() as unit:
        row = await unit.row("SELECT * FROM recomputation")
    assert row["cause"] == "zone=America/New_York -> zone=America/Los_Angeles"
    assert (row["moved"] > 3, row["max_shift_seconds"]) == (True, 3 * 3600)


async def test_a_late_fact_makes_no_expired_touch(company: Company) -> None:
    won = await company.win()
    await company.complete(won, on=date(2026, 11, 14))
    touches = await company.touches(won.person_id)
    assert not {"thank_you", "check_in"} & set(touches)
    assert "referral" in touches
    assert all(row["expires_at"] > NOW for row in touches.values())
