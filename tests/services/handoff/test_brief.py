"""The brief is about the client: what they said, were promised and tried, what to ask, whom not to contact."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from uuid_utils.compat import uuid7

from services.handoff import store
from services.handoff.domain.brief import brief_of, contact_rules
from services.handoff.models.base import HandoffTable
from services.handoff.use_cases.consents import keep_consents
from services.handoff.use_cases.verify import verify_decisions
from shared import events
from shared.api_keys import create_key
from shared.database import Database
from tests.services.handoff.support import CONTACT, NOW, Handoff


@pytest.fixture
async def handoff(handoff_database: Database) -> Handoff:
    handoff = Handoff(handoff_database)
    await handoff.start("Rosa", "Sam")
    return handoff


async def brief(handoff: Handoff, lead_id: UUID) -> dict[str, object]:
    assignment = await handoff.active(lead_id)
    async with handoff.client() as client:
        found: dict[str, object] = (await client.get(f"/v1/assignments/{assignment['id']}/brief")).json()
    return found


async def reps_of(handoff: Handoff) -> list[Any]:
    async with handoff.database.reading() as unit:
        return list(await store.people.reps(unit))


async def test_a_brief_has_their_words_the_promise_and_the_questions_of_what_they_asked_for(handoff: Handoff) -> None:
    more = {"promise": "20 % off the first visit.", "attribution": {"utm_source": "google", "utm_campaign": "Spring"}}
    answers = {"floor": "2nd", "fuel": ["Gas", "Oil"], "owner": True, "pets": [], "unit": {"kind": "boiler", "years": 9}}
    found = await brief(handoff, await handoff.qualify(selection="emergency", answers=answers, **more))
    assert found["own_words"] == "The tap drips."
    assert found["promise"] == "20 % off the first visit."
    assert (found["source"], found["campaign"], found["form"]) == ("google", "spring", "contact")
    assert found["answers"] == {"floor": "2nd", "fuel": "Gas, Oil", "owner": "yes", "unit": "kind boiler, years 9"}
    assert "Can you turn it off at the main valve?" in str(found["ask"])
    assert (found["phone"], found["known_client"]) == (CONTACT["phone"], False)


async def test_a_brief_says_what_was_tried_before(handoff: Handoff) -> None:
    person = uuid7()
    first = await handoff.qualify(person_id=person)
    await handoff.hear(events.OutcomeLost(lead_id=first, reason="price"))
    await handoff.pass_time(minutes=1)
    second = await handoff.qualify(person_id=person, selection="maintenance")
    assignment = await handoff.active(second)
    async with handoff.client() as client:
        await client.post(f"/v1/assignments/{assignment['id']}/decline", json={"reason": "too far"})
    tried = str((await brief(handoff, second))["tried"])
    assert "They asked for estimate: lost (price)." in tried
    assert "declined (too far)." in tried


async def test_who_asks_again_after_sales_gave_them_back_comes_with_what_was_tried(handoff: Handoff) -> None:
    person = uuid7()
    first = await handoff.qualify(person_id=person)
    given_back = await handoff.active(first)
    async with handoff.client() as client:
        recycle = f"/v1/assignments/{given_back['id']}/recycle"
        await client.post(recycle, json={"reason": "moves in spring"})
        await handoff.pass_time(minutes=1)
        again = await handoff.qualify(person_id=person)
        await handoff.hear(events.LeadMerged(lead_id=first, person_id=person, into=again))
        assert (await client.post(recycle, json={"reason": "moves in spring"})).status_code == 200
    assert "They asked for estimate: recycled (moves in spring)." in str((await brief(handoff, again))["tried"])
    assert await handoff.state(first) == "recycled"


async def test_a_brief_says_whom_not_to_contact_and_by_which_channel(handoff: Handoff) -> None:
    person = uuid7()
    consents = [{"channel": "sms", "granted": True, "text": "Texts are fine"}, {"channel": "email", "granted": True}]
    lead = await handoff.qualify(person_id=person, consents=consents)
    assert (await brief(handoff, lead))["do_not"] == []
    await handoff.pass_time(seconds=1)
    await handoff.hear(events.ConsentRevoked(person_id=person, channel="sms"))
    await handoff.hear(events.ConsentRevoked(person_id=person, channel="email", purpose="marketing"))
    found = await brief(handoff, lead)
    assert found["do_not"] == ["Do not contact them by sms at all.", "No marketing by email."]
    assert found["agreed"] == ["Anything by email."]


@pytest.mark.parametrize("together", [True, False])
async def test_a_yes_that_is_told_late_undoes_no_newer_no(handoff: Handoff, together: bool) -> None:
    """A post that was set aside as spam is released after its person said stop."""
    person = uuid7()
    lead = await handoff.qualify(person_id=person)
    yes = {"channel": "sms", "granted": True, "at": handoff.now}
    await handoff.pass_time(seconds=30)
    said = (
        events.ConsentRevoked(person_id=person, channel="sms"),
        events.ConsentGranted(lead_id=lead, person_id=person, consent=yes),
    )
    heard = [handoff.received(event) for event in said]
    async with handoff.database.transaction() as unit:
        for batch in [heard] if together else [heard[:1], heard[1:]]:
            await keep_consents(unit, batch, handoff.now)
    assert (await brief(handoff, lead))["do_not"] == ["Do not contact them by sms at all."]
    again = events.Consent(channel="sms", granted=True, at=handoff.now)
    await handoff.hear(events.ConsentGranted(lead_id=lead, person_id=person, consent=again))
    assert (await brief(handoff, lead))["do_not"] == []


def test_a_brief_shows_no_new_address_of_a_channel_that_is_closed() -> None:
    found = brief_of(
        {"also_gave": [["email", "new@example.net"], ["last_name", "Case"]]},
        {"source": "", "campaign": ""},
        questions=(),
        consents=[{"channel": "email", "purpose": None, "granted": False}],
        earlier_leads=(),
        earlier_offers=(),
    )
    assert found.to_try == ["last name: Case"]


async def test_a_person_merged_into_another_keeps_the_stricter_word(handoff: Handoff) -> None:
    one, other = uuid7(), uuid7()
    lead = await handoff.qualify(person_id=one)
    await handoff.hear(events.ConsentRevoked(person_id=one, channel="phone"))
    said = {"channel": "phone", "granted": True}
    await handoff.hear(events.ConsentGranted.model_validate({"lead_id": lead, "person_id": other, "consent": said}))
    await handoff.hear(events.PersonMerged(lead_id=lead, person_id=one, into=other))
    assert (await brief(handoff, lead))["do_not"] == ["Do not contact them by phone at all."]


def test_the_last_word_counts_and_nothing_at_all_outweighs_its_purposes() -> None:
    said = [
        {"channel": "phone", "purpose": None, "granted": True},
        {"channel": "phone", "purpose": None, "granted": False},
        {"channel": "phone", "purpose": "marketing", "granted": True},
        {"channel": "email", "purpose": "news_letter", "granted": False},
        {"channel": "email", "purpose": "news_letter", "granted": True},
    ]
    assert contact_rules(said) == (["Do not contact them by phone at all."], ["News letter by email."])


async def test_who_declined_gets_no_brief_any_more(handoff: Handoff) -> None:
    lead = await handoff.qualify()
    declined = await handoff.active(lead)
    async with handoff.database.transaction() as unit:
        key = await create_key(unit, "rep", ["leads:read", "assignments:write"], now=NOW, rep_id=declined["rep_id"])
    path = f"/v1/assignments/{declined['id']}"
    async with handoff.client(key) as client:
        assert (await client.get(f"{path}/brief")).status_code == 200
        await client.post(f"{path}/decline", json={"reason": "too far"})
        for gone in (f"{path}/brief", f"/v1/leads/{lead}"):
            assert (await client.get(gone)).status_code == 404
    async with handoff.client() as client:
        assert (await client.get(f"{path}/brief")).status_code == 200  # a manager still reads it


async def test_a_client_of_another_rep_now_has_no_brief_for_the_one_before(handoff: Handoff) -> None:
    rosa, sam = [row["id"] for row in await reps_of(handoff)]
    lead = await handoff.qualify()
    async with handoff.client() as client:
        await client.post(f"/v1/leads/{lead}/reassign", json={"rep_id": str(rosa)})
    before = await handoff.active(lead)
    async with handoff.database.transaction() as unit:
        await unit.execute("UPDATE assignment SET state = 'closed' WHERE id = $1", before["id"])  # recycled
        await unit.execute("UPDATE lead SET owner_id = $2 WHERE id = $1", lead, sam)  # and sold by another
        key = await create_key(unit, "rosa", ["leads:read"], now=NOW, rep_id=rosa)
    async with handoff.client(key) as client:
        assert (await client.get(f"/v1/assignments/{before['id']}/brief")).status_code == 404


@pytest.mark.parametrize("event", ["disqualified", "merged"])
async def test_a_lead_that_marketing_took_back_is_no_longer_seen_by_the_rep(handoff: Handoff, event: str) -> None:
    lead, more = await handoff.qualify(), {"person_id": uuid7()}
    rep = (await handoff.active(lead))["rep_id"]
    async with handoff.database.transaction() as unit:
        key = await create_key(unit, "rep", ["leads:read"], now=NOW, rep_id=rep)
    async with handoff.client(key) as client:
        assert (await client.get(f"/v1/leads/{lead}")).json()["contact"] == CONTACT | {"postal_code": None}
        if event == "merged":
            await handoff.hear(events.LeadMerged(lead_id=lead, into=uuid7(), **more))
        else:
            await handoff.hear(events.LeadDisqualified(lead_id=lead, reason="wrong_number", agreement="0" * 64, **more))
        assert (await client.get(f"/v1/leads/{lead}")).status_code == 404
    async with handoff.client() as client:
        assert (await client.get(f"/v1/leads/{lead}")).status_code == 200  # a manager still reads it


async def test_a_no_that_is_read_after_the_merge_counts_for_who_they_are_now(handoff: Handoff) -> None:
    one, two, three = uuid7(), uuid7(), uuid7()
    lead = await handoff.qualify(person_id=one)
    for person, into in ((one, two), (two, three)):
        await handoff.hear(events.PersonMerged(lead_id=lead, person_id=person, into=into))
    await handoff.hear(events.ConsentRevoked(person_id=one, channel="phone"))
    assert (await brief(handoff, lead))["do_not"] == ["Do not contact them by phone at all."]
    await handoff.hear(events.PersonErased(lead_id=lead, person_id=three))
    async with handoff.database.reading() as unit:
        assert [row["into_id"] for row in await unit.fetch("SELECT into_id FROM person_heir")] == [two]


async def test_nothing_that_people_typed_stays_of_an_erased_client_and_decisions_still_verify(handoff: Handoff) -> None:
    rosa, sam = [row["id"] for row in await reps_of(handoff)]
    told = "Ada Case, 12 Elm Street, is my aunt"
    lead = await handoff.qualify(selection=told)
    assignment = await handoff.active(lead)
    other = sam if assignment["rep_id"] == rosa else rosa
    async with handoff.client() as client:
        await client.post(f"/v1/leads/{lead}/reassign", json={"rep_id": str(other), "reason": told})
        await client.post(f"/v1/assignments/{(await handoff.active(lead))['id']}/decline", json={"reason": told})
    await handoff.hear(events.PersonErased(lead_id=lead, person_id=uuid4()))
    async with handoff.database.reading() as unit:
        kept = {name: str(await unit.fetch(f"SELECT * FROM {name}")) for name in HandoffTable.metadata.tables}
        findings = await verify_decisions(unit)
    assert [name for name, rows in kept.items() if "Elm" in rows] == []
    assert (findings.checked, findings.wrong) == (2, [])


async def test_an_erased_client_has_no_brief(handoff: Handoff) -> None:
    lead = await handoff.qualify()
    assignment = await handoff.active(lead)
    await handoff.hear(events.PersonErased(lead_id=lead, person_id=uuid4()))
    async with handoff.client() as client:
        assert (await client.get(f"/v1/assignments/{assignment['id']}/brief")).status_code == 404


async def test_a_rep_sees_only_their_own_leads_and_404_for_everything_else(handoff: Handoff) -> None:
    leads = [await handoff.qualify() for _ in range(4)]
    mine, theirs = [], []
    rosa = (await handoff.active(leads[0]))["rep_id"]
    for lead in leads:
        assignment = await handoff.active(lead)
        (mine if assignment["rep_id"] == rosa else theirs).append((lead, assignment["id"]))
    async with handoff.database.transaction() as unit:
        key = await create_key(unit, "rosa", ["leads:read", "assignments:write"], now=NOW, rep_id=rosa)
    async with handoff.client(key) as client:
        for owned, expected in ((mine, 200), (theirs, 404)):
            for lead, assignment_id in owned:
                assert (await client.get(f"/v1/leads/{lead}")).status_code == expected
                assert (await client.get(f"/v1/assignments/{assignment_id}/brief")).status_code == expected
                assert (await client.post(f"/v1/assignments/{assignment_id}/accept")).status_code == expected
        listed = (await client.get("/v1/assignments")).json()["items"]
        assert {one["lead_id"] for one in listed} == {str(lead) for lead, _ in mine}
        asked = await client.get("/v1/assignments", params={"rep_id": str(uuid4())})
        assert asked.json() == {"items": [], "next_cursor": None}
        assert (await client.get("/v1/scoreboard")).status_code == 403
    assert len(mine) == len(theirs) == 2
