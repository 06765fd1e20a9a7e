"""What users of rival systems suffer from, and does not happen here: wrong clocks, silence, decisions nobody can explain."""

from datetime import UTC, datetime

from uuid_utils.compat import uuid7

from services.handoff import store
from services.handoff.domain.credit import ONE_LEAD
from services.handoff.use_cases.commands import command_assignment
from services.handoff.use_cases.explain import explain_lead
from services.handoff.use_cases.verify import verify_decisions
from shared import events
from shared.database import Database
from tests.services.handoff.acts import credits, offers
from tests.services.handoff.support import SHIPPED, Handoff, qualified

OFFICE = '[pools.team]\neveryone = true\nzone = "America/New_York"\nhours = { mon-fri = ["08:00-12:00", "13:00-17:00"] }'
OPEN_AT_OFFICE_HOURS = SHIPPED.replace("[pools.team]\neveryone = true", OFFICE)


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


async def test_a_client_nobody_called_counts_as_a_try(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    await handoff.start("Rosa", "Sam", "Tina", agreement=SHIPPED.replace("max_attempts = 3", "max_attempts = 2"))
    lead = await handoff.qualify()
    for name in ("accepted", "declined"):
        async with handoff_database.transaction() as unit:
            await command_assignment(unit, (await handoff.active(lead))["id"], name, {}, handoff.now)
        for _ in range(16 if name == "accepted" else 0):
            await handoff.pass_time(minutes=1)
    assert (await handoff.published(lead))[-1]["reason"] == "2 reps were asked and none took it."


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
