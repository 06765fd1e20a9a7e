"""What users of rival systems suffer from and does not happen here: many owners, unfair turns, absence, limbo, lost owners."""

import asyncio
import contextlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from services.handoff import models, store
from services.handoff.use_cases.commands import command_assignment
from services.handoff.use_cases.people import leave
from services.handoff.use_cases.route import receive_leads
from services.handoff.use_cases.verify import verify_decisions
from shared import events
from shared.database import Database
from tests.services.handoff.acts import change, credits, offers
from tests.services.handoff.support import CONTACT, SHIPPED, Handoff, qualified


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


async def test_a_lead_that_was_none_gives_the_turn_back(handoff_database: Database) -> None:
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


async def test_declining_keeps_the_turn_whatever_the_reason(handoff_database: Database) -> None:
    """Otherwise declining would be a way to choose."""
    handoff = Handoff(handoff_database)
    await handoff.start("Rosa", "Sam", "Tina")
    lead = await handoff.qualify()
    offer = await handoff.active(lead)
    async with handoff_database.transaction() as unit:
        await command_assignment(unit, offer["id"], "declined", {"reason": "out of area"}, handoff.now)
        assert await unit.value("SELECT count(*) FROM refund") == 0
    await handoff.hear(*(qualified(uuid7(), handoff.now) for _ in range(4)))
    assert set(Counter(row["rep_id"] for row in await offers(handoff)).values()) == {2}


async def test_a_client_who_refused_every_channel_is_given_to_nobody_and_somebody_is_told(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    await handoff.start("Rosa")
    refused = [{"channel": channel, "granted": False} for channel in ("email", "phone", "sms")]
    lead = await handoff.qualify(consents=refused)
    assert await handoff.types(lead) == ["lead.held", "lead.escalated"]
    for _ in range(3):
        await handoff.pass_time(hours=1)
    await handoff.qualify()
    assert await handoff.state(lead) == "held"
    reachable = await handoff.qualify(consents=[*refused[1:], {"channel": "email", "purpose": "marketing", "granted": False}])
    assert await handoff.state(reachable) == "offered"


@pytest.mark.parametrize("then", ["declined", "expired", "held"])
async def test_a_client_who_refused_meanwhile_is_offered_to_nobody_else(handoff_database: Database, then: str) -> None:
    """Nobody is to call them: no other rep gets a clock that only a call can stop."""
    handoff = Handoff(handoff_database)
    rosa, sam = await handoff.start("Rosa", "Sam")
    if then == "held":
        for rep in (rosa, sam):
            await change(handoff, rep, state="paused")
    person = uuid7()
    lead = await handoff.qualify(person_id=person)
    before = await handoff.active(lead)
    for channel in ("email", "phone", "sms"):
        await handoff.hear(events.ConsentRevoked(person_id=person, channel=channel))
    await change(handoff, sam, state="active")
    if then == "declined":
        async with handoff_database.transaction() as unit:
            await command_assignment(unit, before["id"], "declined", {"reason": "busy"}, handoff.now)
    await handoff.pass_time(minutes=6)
    if then == "expired":  # it stays where it is, and somebody is told
        assert (await handoff.active(lead))["id"] == before["id"]
        assert (await handoff.types(lead))[-1] == "lead.escalated"
        return
    assert (await handoff.state(lead), (await handoff.types(lead))[-2:]) == ("held", ["lead.held", "lead.escalated"])
    await handoff.pass_time(hours=2)
    await handoff.hear(events.ConsentGranted(lead_id=lead, person_id=person, consent={"channel": "phone", "granted": True}))
    assert await handoff.state(lead) == "offered"


async def test_a_client_who_allows_a_channel_after_all_is_given_to_somebody(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    (rep,) = await handoff.start("Rosa")
    person = uuid7()
    refused = [{"channel": channel, "granted": False} for channel in ("email", "phone", "sms")]
    phone = {"channel": "phone", "granted": True}
    await handoff.hear(events.ConsentGranted(lead_id=uuid7(), person_id=person, consent=phone))  # before they refused
    await handoff.pass_time(minutes=1)
    lead = await handoff.qualify(person_id=person, consents=refused)
    says: dict[str, Any] = {"lead_id": lead, "person_id": person}
    for consent in ({"channel": "post", "granted": True}, {"channel": "email", "purpose": "marketing", "granted": True}):
        await handoff.hear(events.ConsentGranted(**says, consent=consent))
        assert await handoff.state(lead) == "held"
    await change(handoff, rep, state="paused")
    await handoff.hear(events.ConsentGranted(**says, consent=phone))
    await handoff.pass_time(minutes=61)  # held as any other now: somebody is told
    assert await handoff.types(lead) == ["lead.held", "lead.escalated", "lead.held", "lead.escalated"]
    await change(handoff, rep, state="active")
    await handoff.pass_time(minutes=1)
    assert (await handoff.active(lead))["rep_id"] == rep


async def test_a_client_who_reaches_out_again_with_another_way_is_given_to_somebody(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    await handoff.start("Rosa")
    person, by_mail = uuid7(), CONTACT | {"phone": None}
    lead = await handoff.qualify(person_id=person, contact=by_mail, consents=[{"channel": "email", "granted": False}])
    touched = {"lead_id": lead, "person_id": person, "form": "contact", "received_at": handoff.now, "message": "Call me!"}
    for contact, state in ((by_mail, "held"), (CONTACT, "offered")):
        await handoff.hear(events.LeadTouched.model_validate(touched | {"contact": contact}))
        assert await handoff.state(lead) == state


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


async def test_a_lead_held_again_is_escalated_by_its_new_deadline_only(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    (rep,) = await handoff.start("Rosa")
    await change(handoff, rep, state="paused")
    lead = await handoff.qualify()
    await handoff.pass_time(minutes=55)
    await change(handoff, rep, state="active")
    await handoff.pass_time(minutes=1)
    await change(handoff, rep, state="paused")
    async with handoff_database.transaction() as unit:
        await command_assignment(unit, (await handoff.active(lead))["id"], "declined", {}, handoff.now)
    await handoff.pass_time(minutes=59)  # the first deadline is long over
    assert await handoff.types(lead) == ["lead.held", "assignment.offered", "assignment.declined", "lead.held"]
    await handoff.pass_time(minutes=1)
    escalated = [event["reason"] for event in await handoff.published(lead) if event["type"] == "lead.escalated"]
    assert escalated == ["Nobody could take this lead for 60 minutes."]


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


async def test_a_returning_client_whose_rep_has_left_goes_where_a_stranger_would(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    roofs = '[[rules]]\nname = "roofs"\npool = "roof"\nform = ["roofs"]\n'
    pools = SHIPPED.replace("[pools.team]\neveryone = true", "[pools.team]\n[pools.roof]")
    rosa, sam = await handoff.start("Rosa", "Sam", agreement=pools.replace("[[rules]]", f"{roofs}[[rules]]", 1))
    async with handoff_database.transaction() as unit:
        await store.people.set_weights(unit, rosa, {"team": 1})
        await store.people.set_weights(unit, sam, {"roof": 1})
    person = uuid7()
    first = await handoff.qualify(person_id=person)
    await handoff.hear(events.OutcomeWon(lead_id=first, amount="100.00", currency="USD"))
    async with handoff_database.transaction() as unit:
        await leave(unit, rosa, handoff.now)
    again, stranger = await handoff.qualify(person_id=person, form="roofs"), await handoff.qualify(form="roofs")
    assert [(await handoff.active(lead))["rep_id"] for lead in (again, stranger)] == [sam, sam]
    async with handoff_database.transaction() as unit:
        assert (await verify_decisions(unit)).wrong == []


async def held_until_opening(handoff: Handoff, person: UUID, reps: list[UUID]) -> None:
    for rep in reps:
        await change(handoff, rep, state="paused")
    for _ in range(2):
        await handoff.qualify(person_id=person)
    for rep in reps:
        await change(handoff, rep, state="active")
    await handoff.pass_time(minutes=1)


async def two_in_one_poll(handoff: Handoff, person: UUID, reps: list[UUID]) -> None:
    heard = [handoff.received(qualified(uuid7(), handoff.now, person_id=person)) for _ in range(2)]
    async with handoff.database.transaction() as unit:
        await receive_leads(unit, heard, handoff.now)


async def rep_leaves(handoff: Handoff, person: UUID, reps: list[UUID]) -> None:
    await two_in_one_poll(handoff, person, reps)
    async with handoff.database.transaction() as unit:
        await leave(unit, (await offers(handoff))[0]["rep_id"], handoff.now)


async def offers_run_out(handoff: Handoff, person: UUID, reps: list[UUID]) -> None:
    await two_in_one_poll(handoff, person, reps)
    await handoff.pass_time(minutes=6)


async def swept_with_a_newer_one(handoff: Handoff, person: UUID, reps: list[UUID]) -> None:
    for rep in reps:
        await change(handoff, rep, state="paused")
    await handoff.qualify(person_id=person)
    async with handoff.database.transaction() as unit:
        await unit.execute("UPDATE rep SET state = 'active'")
    await handoff.qualify(person_id=person)
    await handoff.pass_time(minutes=1)


@pytest.mark.parametrize("happens", [held_until_opening, two_in_one_poll, rep_leaves, offers_run_out, swept_with_a_newer_one])
async def test_two_needs_of_one_client_that_are_decided_together_go_to_one_rep(handoff_database: Database, happens: Any) -> None:
    handoff = Handoff(handoff_database)
    await happens(handoff, uuid7(), await handoff.start("Rosa", "Sam", "Tina"))
    async with handoff_database.reading() as unit:
        owners = [row["owner_id"] for row in await unit.fetch("SELECT owner_id FROM lead WHERE state = 'offered'")]
        assert len(owners) == 2
        assert len(set(owners)) == 1
        assert (await verify_decisions(unit)).wrong == []
