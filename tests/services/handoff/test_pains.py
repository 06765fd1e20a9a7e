"""What users of rival systems suffer from, and does not happen here: fairness, absence, limbo, owners, clocks, silence, why."""

import asyncio
import contextlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from services.handoff import models, store
from services.handoff.domain.credit import ONE_LEAD
from services.handoff.use_cases.explain import explain_lead
from services.handoff.use_cases.route import receive_leads
from services.handoff.use_cases.verify import verify_decisions
from shared import events
from shared.database import Database
from tests.services.handoff.support import SHIPPED, Handoff, qualified

OFFICE = '[pools.team]\neveryone = true\nzone = "America/New_York"\nhours = { mon-fri = ["08:00-12:00", "13:00-17:00"] }'
OPEN_AT_OFFICE_HOURS = SHIPPED.replace("[pools.team]\neveryone = true", OFFICE)


async def change(handoff: Handoff, rep: UUID, **more: Any) -> None:
    """Change a rep, as `reps` would."""
    names = ", ".join(f"{name} = ${place}" for place, name in enumerate(more, 2))
    async with handoff.database.transaction() as unit:
        await unit.execute(f"UPDATE rep SET {names} WHERE id = $1", rep, *more.values())
        await store.timers.wake_held(unit)


async def offers(handoff: Handoff) -> list[Any]:
    async with handoff.database.reading() as unit:
        return await unit.fetch("SELECT * FROM assignment ORDER BY offered_at, id")


async def credits(handoff: Handoff) -> dict[UUID, int]:
    async with handoff.database.reading() as unit:
        return {row["rep_id"]: row["credit"] for row in await unit.fetch("SELECT * FROM pool_member")}


# ---- 1: one lead, many owners ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("replicas", [1, 3, 8])
async def test_one_lead_never_has_two_owners_whoever_routes_at_once(handoff_database: Database, replicas: int) -> None:
    """Replicas read the same leads at the same time, and die on the way; then all is read again."""
    handoff = Handoff(handoff_database)
    await handoff.start("Rosa", "Sam", "Tina")
    leads = [qualified(uuid7(), handoff.now) for _ in range(60)]
    shared = Database(handoff_database.url, name="replicas", size=replicas)
    await shared.open()

    async def replica(number: int, *, dies: bool = True) -> None:
        for start in range(0, 60, 5):
            heard = [handoff.received(event, id=str(event.lead_id)) for event in leads[start : start + 5]]
            with contextlib.suppress(ConnectionError):
                async with shared.transaction() as unit:
                    await receive_leads(unit, heard, handoff.now)
                    if dies and (start + number) % 3 == 0:
                        raise ConnectionError  # killed before the commit

    await asyncio.gather(*map(replica, range(replicas)))
    await replica(0, dies=False)
    await shared.close()
    found = await offers(handoff)
    assert len(found) == len({row["lead_id"] for row in found}) == 60
    assert Counter(row["rep_id"] for row in found).most_common()[-1][1] == 20
    assert sum((await credits(handoff)).values()) == 0
    async with handoff_database.reading() as unit:
        assert await unit.value("SELECT turn FROM pool") == 60
        assert (await verify_decisions(unit)).wrong == []


# ---- 2: unfair rotation ------------------------------------------------------------------------------------------------
async def test_a_batch_is_shared_as_a_sequence_and_the_next_day_goes_on_where_it_stopped(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    reps = await handoff.start("Rosa", "Sam", "Tina")
    await handoff.hear(*(qualified(uuid7(), handoff.now) for _ in range(4)))
    handoff.now += timedelta(days=1)
    await handoff.hear(*(qualified(uuid7(), handoff.now) for _ in range(2)))
    assert Counter(row["rep_id"] for row in await offers(handoff)) == dict.fromkeys(reps, 2)


async def test_a_lead_that_was_none_gives_the_turn_back_and_a_decline_does_not(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    await handoff.start("Rosa", "Sam")
    first, second = await handoff.qualify(), await handoff.qualify()
    await handoff.hear(events.LeadMerged(lead_id=first, person_id=uuid7(), into=second))
    merged_from = (await offers(handoff))[0]["rep_id"]
    await handoff.hear(events.OutcomeLost(lead_id=second, reason="Out_of area"))
    third = await handoff.qualify()
    fourth = await handoff.qualify()
    found = {row["lead_id"]: row["rep_id"] for row in await offers(handoff)}
    assert found[third] == merged_from  # whose turn it would have been
    assert found[fourth] != merged_from
    assert set((await credits(handoff)).values()) == {0}


async def test_who_leaves_hands_the_balance_to_those_who_stay(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    reps = await handoff.start("Rosa", "Sam", "Tina")
    await handoff.qualify()
    owed = {rep: credit for rep, credit in (await credits(handoff)).items() if credit > 0}
    gone = next(iter(owed))
    await change(handoff, gone, state="left")
    await handoff.qualify()
    found = await credits(handoff)
    assert found[gone] == 0
    assert sum(found.values()) == 0
    assert {row["rep_id"] for row in await offers(handoff)} <= set(reps) - {gone}


# ---- 8: leads to people who are away ------------------------------------------------------------------------------------
async def test_nobody_who_is_paused_off_full_or_gone_gets_a_lead(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    paused, off, full, gone, there = await handoff.start("Rosa", "Sam", "Tina", "Uma", "Vic")
    await change(handoff, paused, state="paused", paused_until=handoff.now + timedelta(hours=1))
    async with handoff_database.transaction() as unit:
        away = {"id": uuid7(), "rep_id": off, "starts_at": handoff.now, "ends_at": handoff.now + timedelta(hours=1)}
        await unit.insert(models.TimeOff, [away])
    await change(handoff, full, max_open=0)
    await change(handoff, gone, state="left")
    await handoff.hear(*(qualified(uuid7(), handoff.now) for _ in range(3)))
    assert {row["rep_id"] for row in await offers(handoff)} == {there}
    handoff.now += timedelta(hours=1)  # the pause and the time off end by themselves
    await handoff.hear(*(qualified(uuid7(), handoff.now) for _ in range(3)))
    assert {row["rep_id"] for row in await offers(handoff)} == {there, paused, off}


async def test_a_day_s_limit_counts_in_the_rep_s_own_day(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    (rep,) = await handoff.start("Rosa")
    await change(handoff, rep, max_per_day=2, zone="Pacific/Auckland")
    leads = [await handoff.qualify() for _ in range(3)]
    assert [await handoff.state(lead) for lead in leads] == ["offered", "offered", "held"]
    handoff.now = datetime(2026, 3, 5, 10, 59, tzinfo=UTC)  # 23:59 in Auckland
    await handoff.pass_time(seconds=1)
    assert await handoff.state(leads[2]) == "held"
    await handoff.pass_time(seconds=60)
    assert await handoff.state(leads[2]) == "offered"


# ---- 9: limbo -----------------------------------------------------------------------------------------------------------
async def test_held_leads_go_out_oldest_first_before_any_newer_one(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    (rep,) = await handoff.start("Rosa")
    await change(handoff, rep, max_open=0)
    waiting = []
    for _ in range(3):
        waiting.append(await handoff.qualify())
        handoff.now += timedelta(seconds=1)
    assert [await handoff.state(lead) for lead in waiting] == ["held"] * 3
    await change(handoff, rep, max_open=2)
    newer = await handoff.qualify()
    assert [await handoff.state(lead) for lead in [*waiting, newer]] == ["offered", "offered", "held", "held"]


async def test_a_lead_held_too_long_is_escalated_once_and_goes_on_being_tried(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    (rep,) = await handoff.start("Rosa")
    await change(handoff, rep, state="paused")
    lead = await handoff.qualify()
    for _ in range(3):
        await handoff.pass_time(minutes=45)
    assert await handoff.types(lead) == ["lead.held", "lead.escalated"]
    await change(handoff, rep, state="active")
    await handoff.pass_time(seconds=1)
    assert await handoff.state(lead) == "offered"


async def test_a_held_lead_goes_to_the_manager_at_its_deadline(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    rep, boss = await handoff.start("Rosa", "Boss")
    await change(handoff, rep, state="paused")
    await change(handoff, boss, manager=True, max_open=0)
    lead = await handoff.qualify()
    await handoff.pass_time(minutes=59)
    assert await handoff.state(lead) == "held"
    await handoff.pass_time(minutes=1)
    assert (await handoff.active(lead))["rep_id"] == boss
    assert await handoff.types(lead) == ["lead.held", "lead.escalated", "assignment.offered"]


# ---- 10: the owner away blocks the returning client ---------------------------------------------------------------------
async def test_a_returning_client_gets_their_rep_and_is_not_blocked_when_that_one_is_away(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    await handoff.start("Rosa", "Sam", "Tina")
    person = uuid7()
    first = await handoff.qualify(person_id=person)
    owner = (await handoff.active(first))["rep_id"]
    await handoff.hear(events.OutcomeWon(lead_id=first, amount="100.00", currency="USD"))
    before = await credits(handoff)
    again = await handoff.qualify(person_id=person)
    assert (await handoff.active(again))["rep_id"] == owner
    assert await credits(handoff) == before
    await change(handoff, owner, state="paused", paused_until=handoff.now + timedelta(minutes=10))
    waits = await handoff.qualify(person_id=person)
    assert await handoff.state(waits) == "held"
    await change(handoff, owner, state="paused", paused_until=handoff.now + timedelta(days=10))
    await handoff.pass_time(minutes=1)
    taken = await handoff.active(waits)
    assert taken["rep_id"] != owner
    assert taken["decision"]["sticky"]["reason"] == "is paused"
    handoff.now += timedelta(days=181)
    await change(handoff, owner, state="active")
    later = await handoff.qualify(person_id=person)
    assert (await handoff.active(later))["decision"]["kind"] == "in_turn"


# ---- 11: wrong clocks ---------------------------------------------------------------------------------------------------
async def test_deadlines_count_in_the_pool_s_hours_over_breaks_nights_and_clock_changes(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    await handoff.start("Rosa", agreement=OPEN_AT_OFFICE_HOURS)
    handoff.now = datetime(2026, 3, 6, 21, 50, tzinfo=UTC)  # Friday 16:50 in New York; the clocks change on Sunday
    lead = await handoff.qualify(tier="P3")
    offer = await handoff.active(lead)
    assert offer["expires_at"] == datetime(2026, 3, 9, 12, 20, tzinfo=UTC)  # Monday 08:20, an hour earlier by UTC
    assert offer["touch_by"] == datetime(2026, 3, 9, 12, 50, tzinfo=UTC)
    handoff.now = datetime(2026, 3, 10, 15, 50, tzinfo=UTC)  # Tuesday 11:50: ten minutes before the break
    lead = await handoff.qualify(tier="P3")
    assert (await handoff.active(lead))["expires_at"] == datetime(2026, 3, 10, 17, 20, tzinfo=UTC)
    handoff.now = datetime(2026, 3, 10, 22, 0, tzinfo=UTC)
    lead = await handoff.qualify(tier="P3")
    assert (await handoff.published(lead))[-1]["until"] == "2026-03-11T12:00:00Z"


async def test_the_clock_stands_still_while_the_pool_is_closed(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    await handoff.start("Rosa", "Sam", agreement=OPEN_AT_OFFICE_HOURS)
    handoff.now = datetime(2026, 3, 4, 21, 50, tzinfo=UTC)
    lead = await handoff.qualify(tier="P3")
    for _ in range(15):
        await handoff.pass_time(hours=1)
    assert await handoff.types(lead) == ["assignment.offered"]
    await handoff.pass_time(minutes=31)
    assert "assignment.expired" in await handoff.types(lead)


# ---- 12: silence after handoff ------------------------------------------------------------------------------------------
async def test_an_offer_nobody_takes_is_warned_of_and_moves_on_three_times_then_escalates(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    await handoff.start("Rosa", "Sam", "Tina", "Uma")
    lead = await handoff.qualify()
    for _ in range(40):
        await handoff.pass_time(seconds=30)
    one_try = ["assignment.offered", "sla.at_risk", "sla.at_risk", "sla.breached"]
    expected = [*one_try, "assignment.expired", *one_try, "assignment.expired", *one_try, "lead.escalated"]
    assert (await handoff.types(lead))[: len(expected)] == expected
    found = await offers(handoff)
    assert len({row["rep_id"] for row in found}) == len(found) == 3
    assert await handoff.state(lead) == "offered"  # it stays with its rep


async def test_a_client_nobody_called_is_taken_from_the_rep(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    await handoff.start("Rosa", "Sam")
    lead = await handoff.qualify()
    first = await handoff.active(lead)
    async with handoff_database.transaction() as unit:
        await store.assignments.set_assignment_state(unit, first["id"], "accepted")
        await store.leads.set_lead_state(unit, lead, "accepted", handoff.now)
    for _ in range(16):
        await handoff.pass_time(minutes=1)
    kinds = [(event["type"], event.get("sla")) for event in await handoff.published(lead)]
    assert kinds == [
        ("assignment.offered", None),
        ("sla.at_risk", "first_touch"),
        ("sla.at_risk", "first_touch"),
        ("sla.breached", "first_touch"),
        ("assignment.withdrawn", None),
        ("assignment.offered", None),
    ]
    assert (await handoff.active(lead))["rep_id"] != first["rep_id"]


async def test_a_client_who_was_reached_in_time_is_left_alone(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    await handoff.start("Rosa", "Sam")
    lead = await handoff.qualify()
    await handoff.hear(events.OutcomeContacted(lead_id=lead))
    for _ in range(4):
        await handoff.pass_time(minutes=10)
    assert await handoff.types(lead) == ["assignment.offered", "assignment.accepted", "lead.contacted"]
    async with handoff_database.reading() as unit:
        assert await unit.value("SELECT count(*) FROM timer") == 0


async def test_with_nobody_else_to_turn_to_the_offer_stays_breached_and_escalated(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    (rep,) = await handoff.start("Owner")
    lead = await handoff.qualify()
    await handoff.pass_time(minutes=6)
    assert (await handoff.types(lead))[-2:] == ["sla.breached", "lead.escalated"]
    assert (await handoff.active(lead))["rep_id"] == rep
    await handoff.hear(events.OutcomeContacted(lead_id=lead))
    assert await handoff.state(lead) == "contacted"


# ---- 13: why him? -------------------------------------------------------------------------------------------------------
async def test_every_decision_says_why_in_a_sentence_and_is_made_again_from_its_record(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    rosa, sam = await handoff.start("Rosa", "Sam")
    lead = await handoff.qualify()
    picked = (await handoff.active(lead))["rep_id"]
    other = sam if picked == rosa else rosa
    await handoff.pass_time(minutes=6)
    async with handoff_database.reading() as unit:
        lines = await explain_lead(unit, lead, other)
        stranger = await explain_lead(unit, lead, uuid7())
        findings = await verify_decisions(unit)
    names = {rosa: "Rosa", sam: "Sam"}
    assert f"{names[picked]} was next in line in team (rule: everybody), ahead of {names[other]}." in lines[0]
    assert lines[1] == f"  {names[other]} could have taken it with the same credit, and had a lead more recently."
    assert lines[2].endswith("left out: 1 was offered this lead before.")
    assert lines[3] == f"  {names[other]} was picked."
    assert stranger[1] == "  This rep is not in team, where the rule 'everybody' sent this lead."
    assert (findings.checked, findings.wrong) == (2, [])


async def test_a_decision_changed_in_the_database_is_found(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    await handoff.start("Rosa", "Sam")
    leads = [await handoff.qualify() for _ in range(3)]
    async with handoff_database.transaction() as unit:
        change = "UPDATE assignment SET decision = jsonb_set(decision, $2, $3) WHERE lead_id = $1"
        await unit.execute(change, leads[0], ["sentence"], "Because.")
        await unit.execute("UPDATE roster SET reps = reps - 0")
        findings = await verify_decisions(unit)
    assert [problem for _, problem in findings.wrong] == [
        "was changed after it was made",
        "names a roster that is not kept or was changed",
        "names a roster that is not kept or was changed",
    ]


async def test_credit_is_counted_in_whole_units_that_add_up_to_zero(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    reps = await handoff.start(*(f"Rep{number}" for number in range(7)))
    await handoff.hear(*(qualified(uuid7(), handoff.now) for _ in range(10)))
    found = await credits(handoff)
    assert set(found) == set(reps)
    assert sum(found.values()) == 0
    assert max(map(abs, found.values())) < 2 * ONE_LEAD
