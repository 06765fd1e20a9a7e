"""Every command goes one path: idempotent, refused with a sentence where the state forbids it, whoever gives it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.handoff import store
from services.handoff.use_cases.explain import explain_lead
from services.handoff.use_cases.people import leave
from services.handoff.use_cases.verify import verify_decisions
from shared import events
from shared.api_keys import create_key
from shared.database import Database
from tests.services.handoff.support import Handoff


@pytest.fixture
async def handoff(handoff_database: Database) -> Handoff:
    handoff = Handoff(handoff_database)
    handoff.now = datetime.now(UTC)
    await handoff.start("Rosa", "Sam")
    return handoff


async def say(handoff: Handoff, path: str, body: dict[str, Any] | None = None, key: str | None = None) -> Any:
    async with handoff.client(key) if key else handoff.client() as client:
        return await client.post(f"/v1/{path}", json=body or {})


async def other_than(handoff: Handoff, rep_id: UUID) -> UUID:
    async with handoff.database.reading() as unit:
        return next(row["id"] for row in await store.people.reps(unit) if row["id"] != rep_id)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("accept", {}),
        ("contacted", {}),
        ("sales-qualified", {}),
        ("proposed", {"options": 3}),
        ("won", {"amount": "10.00", "currency": "USD"}),
        ("lost", {"reason": "price"}),
        ("recycle", {"reason": "later", "revisit_at": "2027-01-01T00:00:00Z"}),
        ("decline", {"reason": "too far"}),
    ],
)
async def test_a_command_given_twice_is_one(handoff: Handoff, path: str, body: dict[str, Any]) -> None:
    lead = await handoff.qualify()
    assignment = await handoff.active(lead)
    first = await say(handoff, f"assignments/{assignment['id']}/{path}", body)
    assert first.status_code == 200
    before = await handoff.types(lead)
    second = await say(handoff, f"assignments/{assignment['id']}/{path}", body)
    assert (second.status_code, second.json()) == (200, first.json())
    assert await handoff.types(lead) == before


async def test_a_proposal_that_changed_is_told_again_and_an_equal_one_is_not(handoff: Handoff) -> None:
    lead = await handoff.qualify()
    path = f"assignments/{(await handoff.active(lead))['id']}/proposed"
    dollars = {"amount": "900.00", "currency": "USD"}
    for body in ({}, {"options": 3}, dollars, {}, {"options": 3, "amount": "900"}, {"options": 2}):
        assert (await say(handoff, path, body)).status_code == 200
    await handoff.hear(events.OutcomeProposed(lead_id=lead, **dollars))
    await handoff.hear(events.OutcomeProposed(lead_id=lead, amount="850", currency="USD"))
    told = [event for event in await handoff.published(lead) if event["type"] == "lead.proposed"]
    assert [(one["options"], one["amount"]) for one in told] == [
        (None, None),
        (3, None),
        (3, "900.00"),
        (2, "900.00"),
        (2, "850"),
    ]
    await say(handoff, path.replace("proposed", "won"), {"amount": "10", "currency": "USD"})
    assert (await say(handoff, path, {"options": 9})).status_code == 200
    assert (await handoff.types(lead))[-1] == "lead.won"


async def test_a_recycled_lead_says_when_marketing_may_look_again(handoff: Handoff) -> None:
    lead = await handoff.qualify()
    assignment = await handoff.active(lead)
    body = {"reason": "later", "revisit_at": "2027-01-01T00:00:00Z"}
    await say(handoff, f"assignments/{assignment['id']}/recycle", body)
    assert (await handoff.published(lead))[-1]["revisit_at"] == "2027-01-01T00:00:00Z"


async def test_what_the_state_forbids_is_refused_with_a_sentence(handoff: Handoff) -> None:
    lead = await handoff.qualify()
    path = f"assignments/{(await handoff.active(lead))['id']}"
    await say(handoff, f"{path}/won", {"amount": "10", "currency": "USD"})
    for step, body in (("lost", {"reason": "x"}), ("recycle", {}), ("decline", {}), ("won", {"amount": "11", "currency": "USD"})):
        refused = await say(handoff, f"{path}/{step}", body)
        assert (refused.status_code, refused.json()["detail"][-1]) == (409, ".")
    assert (await say(handoff, f"assignments/{uuid4()}/accept")).status_code == 404


async def test_an_old_assignment_says_nothing_about_who_has_the_lead_now(handoff: Handoff) -> None:
    lead = await handoff.qualify()
    first = await handoff.active(lead)
    await say(handoff, f"leads/{lead}/reassign", {"rep_id": str(await other_than(handoff, first["rep_id"]))})
    refused = await say(handoff, f"assignments/{first['id']}/won", {"amount": "10", "currency": "USD"})
    assert refused.status_code == 409
    assert await handoff.state(lead) == "offered"


async def test_a_lead_given_by_hand_costs_nobody_a_turn_and_says_so(handoff: Handoff) -> None:
    lead = await handoff.qualify()
    first = await handoff.active(lead)
    other = await other_than(handoff, first["rep_id"])
    body = {"rep_id": str(other), "reason": "knows the street"}
    for _ in range(2):  # a repeat is one
        answer = await say(handoff, f"leads/{lead}/reassign", body)
        assert (answer.status_code, answer.json()["rep_id"]) == (200, str(other))
    types = await handoff.types(lead)
    assert types == ["assignment.offered", "assignment.withdrawn", "assignment.offered"]
    second = await handoff.active(lead)
    assert "chosen by hand (knows the street)" in second["decision"]["sentence"]
    assert second["pool"] == ""
    async with handoff.database.reading() as unit:
        lines = await explain_lead(unit, lead, first["rep_id"])
        name = await unit.value("SELECT name FROM rep WHERE id = $1", first["rep_id"])
    assert lines[-1] == f"  {name} was not asked: somebody else was chosen by hand."
    async with handoff.database.transaction() as unit:
        assert (await verify_decisions(unit)).wrong == []
    assert (await say(handoff, f"leads/{lead}/reassign", {"rep_id": str(uuid4())})).status_code == 409
    assert (await say(handoff, f"leads/{uuid4()}/reassign", body)).status_code == 404


async def test_a_rep_claims_what_is_nobodys_and_nothing_else(handoff: Handoff) -> None:
    async with handoff.database.transaction() as unit:
        await unit.execute("UPDATE rep SET state = 'paused'")
    held = await handoff.qualify()
    assert await handoff.state(held) == "held"
    async with handoff.database.transaction() as unit:
        rosa, sam = [row["id"] for row in await store.people.reps(unit)]
        key = await create_key(unit, "rosa", ["assignments:write"], now=handoff.now, rep_id=rosa)
    claimed = await say(handoff, f"leads/{held}/claim", {}, key)
    assert (claimed.json()["state"], claimed.json()["rep_id"]) == ("accepted", str(rosa))
    assert (await say(handoff, f"leads/{held}/claim", {"rep_id": str(sam)})).status_code == 409
    assert (await say(handoff, f"leads/{held}/claim", {"rep_id": str(sam)}, key)).status_code == 422
    assert (await say(handoff, f"leads/{held}/reassign", {"rep_id": str(sam)}, key)).status_code == 403


async def test_a_lead_taken_back_is_routed_again(handoff: Handoff) -> None:
    lead = await handoff.qualify()
    first = await handoff.active(lead)
    answer = await say(handoff, f"leads/{lead}/withdraw", {"reason": "on holiday"})
    assert (answer.json()["assignment_id"], answer.json()["state"]) == (str(first["id"]), "withdrawn")
    assert (await handoff.active(lead))["rep_id"] != first["rep_id"]


async def test_only_who_lets_a_lead_go_counts_as_asked_before_it_is_escalated(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    reps = set(await handoff.start("Rosa", "Sam", "Tina", "Uma"))
    left = await handoff.qualify()
    for _ in range(2):
        await say(handoff, f"assignments/{(await handoff.active(left))['id']}/decline", {"reason": "too far"})
    third = await handoff.active(left)
    await say(handoff, f"assignments/{third['id']}/contacted")
    async with handoff_database.transaction() as unit:
        asked = {row["rep_id"] for row in await store.assignments.assignments_of(unit, left)}
        await leave(unit, third["rep_id"], handoff.now)
    assert {(await handoff.active(left))["rep_id"]} == reps - asked
    await say(handoff, f"assignments/{(await handoff.active(left))['id']}/decline")
    assert [(event["type"], event["reason"]) for event in (await handoff.published(left))[-2:]] == [
        ("lead.held", "3 reps were asked and none took it."),
        ("lead.escalated", "3 reps were asked and none took it."),
    ]


async def test_work_by_hand_is_no_try(handoff_database: Database) -> None:
    handoff = Handoff(handoff_database)
    reps = await handoff.start("Rosa", "Sam", "Tina", "Uma")
    lead = await handoff.qualify()
    given = [(await handoff.active(lead))["rep_id"]]
    for rep in [one for one in reps if one not in given][:2]:
        await say(handoff, f"leads/{lead}/reassign", {"rep_id": str(rep)})
        given.append(rep)
    await say(handoff, f"leads/{lead}/withdraw", {"reason": "let the rules choose"})
    assert {(await handoff.active(lead))["rep_id"]} == set(reps) - set(given)
    async with handoff_database.transaction() as unit:
        assert (await verify_decisions(unit)).wrong == []


async def test_a_rep_who_finds_it_was_no_lead_gets_the_turn_back_and_one_who_declines_does_not(handoff: Handoff) -> None:
    declined = await handoff.qualify()
    await say(handoff, f"assignments/{(await handoff.active(declined))['id']}/decline", {"reason": "duplicate"})
    lead = await handoff.qualify()
    assignment = await handoff.active(lead)
    await say(handoff, f"assignments/{assignment['id']}/lost", {"reason": "duplicate"})
    async with handoff.database.reading() as unit:
        asked = [row["assignment_id"] for row in await unit.fetch("SELECT assignment_id FROM refund")]
        assert asked == [assignment["id"]]
        assert await unit.value("SELECT sum(credit) FROM pool_member") == 0


async def test_marketing_finding_that_it_is_no_lead_ends_the_work_on_it(handoff: Handoff) -> None:
    lead = await handoff.qualify()
    said = {"lead_id": lead, "person_id": uuid4(), "reason": "spam", "agreement": "0" * 64}
    await handoff.hear(events.LeadDisqualified.model_validate(said))
    assert (await handoff.state(lead), await handoff.active(lead)) == ("disqualified", None)
    assert (await handoff.types(lead))[-1] == "assignment.withdrawn"


async def test_a_lead_shows_its_owner_decision_brief_and_journey(handoff: Handoff) -> None:
    lead = await handoff.qualify()
    async with handoff.client() as client:
        found = (await client.get(f"/v1/leads/{lead}")).json()
    assert found["owner_name"] in ("Rosa", "Sam")
    assert found["brief"]["own_words"] == found["message"] == "The tap drips."
    assert found["decision"]["hash"]
    kinds = {one["type"] for one in found["journey"]}
    assert kinds == {"leadhandoff.lead.qualified.v1", "leadhandoff.assignment.offered.v1"}


async def test_an_acceptance_clock_that_ran_out_leaves_late_words_without_effect(handoff: Handoff) -> None:
    lead = await handoff.qualify()
    first = await handoff.active(lead)
    await handoff.pass_time(minutes=6)
    late = await say(handoff, f"assignments/{first['id']}/accept")
    assert late.json()["detail"] == "This assignment is expired: the lead is no longer with this rep."
    assert (await handoff.active(lead))["offered_at"] > first["offered_at"] + timedelta(minutes=5)
