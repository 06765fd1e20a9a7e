"""What we hold of a person is handed over whole, and forgotten whole: rows, keys, events that wait, unidentified posts."""

import asyncio
from typing import Any
from uuid import UUID

import orjson
import pytest

from services.intake.adapters.contact_details import parts_of
from services.intake.domain.mentions import mention_of, readable
from services.intake.store import ledger
from services.intake.store.submissions import contacts_of
from services.intake.use_cases.ledger import read_ledger
from shared.database import Database
from tests.services.intake.support import NOW, Intake, command

CANARY = "zyxquill"
ADA: dict[str, Any] = {
    "first_name": "Ada",
    "last_name": f"{CANARY}son",
    "email": f"{CANARY}@maple.example",
    "phone": "+14195552001",
    "selection": "estimate",
    "message": f"{CANARY} drips",
    "attribution": {"referrer": f"https://maple.example/{CANARY}"},
    "consents": [{"channel": "email", "purpose": None, "granted": True, "text": f"May we write, {CANARY}?"}],
}


async def everything(database: Database) -> str:
    """Every row of every table, as text."""
    async with database.reading() as unit:
        tables = await unit.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        rows = [await unit.fetch(f"SELECT t::text AS row FROM {table['tablename']} t") for table in tables]
        payloads = await unit.fetch("SELECT convert_from(payload, 'UTF8') AS row FROM outbox")
    return "\n".join(row["row"] for found in [*rows, payloads] for row in found)


async def several(intake: Intake) -> dict[str, Any]:
    """A person in every state a submission can have."""
    found = {
        "open": await intake.lead(**ADA),
        "merged": await intake.lead(**ADA | {"message": f"{CANARY} again"}),
        "second": await intake.lead(**ADA | {"selection": "maintenance"}),
        "test": await intake.lead(**ADA, test=True),
        "waiting": await intake.submit(**ADA | {"selection": "later"}),
        "quarantined": await intake.submit(**{**ADA, "phone": "", "email": ADA["email"].upper()}),
        "phone only": await intake.submit(last_name=ADA["last_name"], phone=ADA["phone"], message=CANARY),
    }
    held = [found["quarantined"], found["phone only"]]
    await intake.rows("UPDATE submission SET state = 'quarantined', reason = $2 WHERE id = ANY($1::uuid[])", held, CANARY)
    return found


async def test_an_export_holds_everything_and_nothing_of_others(intake: Intake) -> None:
    other = await intake.lead(last_name="Oak", email="oak@maple.example")
    mine = await several(intake)
    given = orjson.loads(await command(intake, "persons", "export", ADA["email"]))
    assert {row["id"] for row in given["submissions"]} == {str(one) for one in mine.values()}
    assert {row["id"] for row in given["leads"]} == {str(mine[name]) for name in ("open", "second", "test")}
    assert {row["value"] for row in given["keys"]} == {ADA["email"], ADA["phone"]}
    assert len(given["consents"]) == 4
    assert given["scores"]
    assert str(other) not in orjson.dumps(given).decode()


async def test_who_is_erased_is_gone_from_every_table_and_the_ledger_still_balances(intake: Intake) -> None:
    mine = await several(intake)
    twin = await intake.lead(**ADA | {"email": f"{CANARY}+twin@maple.example", "phone": "", "selection": "twin"})
    await command(intake, "persons", "merge", str(await intake.person_of(twin)), str(await intake.person_of(mine["open"])))
    mine["twin"] = twin
    assert await intake.value("SELECT count(*) FROM review_task") == 1
    assert CANARY in await everything(intake.database)
    await command(intake, "persons", "erase", ADA["email"], "--yes")
    left = await everything(intake.database)
    assert CANARY not in left.lower()
    assert ADA["phone"] not in left
    for table in ("person", "person_key", "person_merge", "review_task", "lead", "score_entry", "consent", "outcome"):
        assert await intake.value(f"SELECT count(*) FROM {table}") == 0, table
    assert {await intake.state(one) for one in mine.values()} == {"erased"}
    erased = await intake.events("person.erased")
    assert {event["lead_id"] for event in erased} == {str(mine[name]) for name in ("open", "second", "test", "waiting", "twin")}
    assert {event["type"] for event in await intake.events()} == {"person.erased"}
    async with intake.database.reading() as unit:
        assert await ledger.mismatches(unit, NOW) == 0
        found = (await read_ledger(unit, None, None))["leads"]
    assert (found["received"], found["erased"]) == (7, 7)


async def test_who_comes_again_after_an_erasure_is_somebody_new(intake: Intake) -> None:
    before = await intake.person_of(await intake.lead(**ADA))
    await command(intake, "persons", "erase", str(before), "--yes")
    after = await intake.lead(**ADA)
    assert await intake.person_of(after) != before
    assert await intake.state(after) == "open"
    assert await intake.value("SELECT count(*) FROM erasure") == 3  # keyed hashes of the person, the email, the phone
    answer = await command(intake, "persons", "show", str(before), fails=True)
    assert "no such person" in answer


async def test_a_family_member_on_the_same_phone_is_left_alone(intake: Intake) -> None:
    mine = await intake.lead(**ADA)
    theirs = await intake.lead(last_name="Oak", phone=ADA["phone"], email="oak@maple.example")
    held = await intake.submit(last_name="Oak", phone=ADA["phone"])
    await command(intake, "persons", "erase", str(await intake.person_of(mine)), "--yes")
    assert [await intake.state(one) for one in (mine, theirs, held)] == ["erased", "open", "waiting"]
    assert [event["lead_id"] for event in await intake.events("lead.qualified")] == [str(theirs)]  # on its way all the same


async def test_an_address_that_is_part_of_anothers_withdraws_nothing_of_theirs(intake: Intake) -> None:
    mine = await intake.lead(last_name="Oak", email="a@maple.example")
    theirs = await intake.lead(last_name="Elm", email="anna@maple.example", message="Write to a@maple.example, too.")
    told = await command(intake, "persons", "erase", str(await intake.person_of(mine)), "--yes")
    assert told == "Erased, with 1 submission; handoff and followup are told."
    assert [event["lead_id"] for event in await intake.events("lead.qualified")] == [str(theirs)]


async def set_aside(intake: Intake, payload: str) -> UUID:
    """As an endpoint keeps what it could not understand."""
    found = await intake.submit(answers={"payload": payload})
    await intake.rows("UPDATE submission SET state = 'quarantined', reason = 'not understood' WHERE id = $1", found)
    return found


async def test_what_was_set_aside_unread_goes_too_where_it_names_them(intake: Intake) -> None:
    await intake.lead(last_name="Hopper", email="grace@example.net", phone="+14195552077")
    theirs = [
        await set_aside(intake, '{"who": {"mail": "Grace@Example.net"'),
        await set_aside(intake, "a=1&mail=grace%40example.net"),
        await set_aside(intake, "tel=%28419%29+555-2077"),
    ]
    others = [
        await set_aside(intake, '{"mail": "anna.grace@example.net", "id": 941955520771}'),
        await intake.submit(last_name="Elm", email="elm@maple.example", message="Ask grace@example.net."),
    ]
    given = orjson.loads(await command(intake, "persons", "export", "grace@example.net"))
    assert {str(one) for one in theirs} < {row["id"] for row in given["submissions"]}
    assert "with 4 submissions" in await command(intake, "persons", "erase", "grace@example.net", "--yes")
    assert [await intake.state(one) for one in theirs] == ["erased"] * 3
    assert [await intake.state(one) for one in others] == ["quarantined", "waiting"]
    await intake.rows("DELETE FROM submission WHERE id = ANY($1::uuid[])", others)
    left = (await everything(intake.database)).lower()
    assert "grace@" not in left
    assert "hopper" not in left
    assert "2077" not in left


async def test_a_phone_that_was_never_identified_is_forgotten_by_itself(intake: Intake) -> None:
    held = await intake.submit(first_name="Grace", phone="+14195552077")
    await intake.rows("UPDATE submission SET state = 'quarantined', reason = 'trap' WHERE id = $1", held)
    unread = await set_aside(intake, "Please call 419.555.2077!")
    assert "submissions" in await command(intake, "persons", "export", "+14195552077")
    await command(intake, "persons", "erase", "(419) 555-2077", "--yes")
    assert [await intake.state(one) for one in (held, unread)] == ["erased", "erased"]
    assert "2077" not in await everything(intake.database)
    assert "id, email or phone" in await command(intake, "persons", "erase", "+14195552077", "--yes", fails=True)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("<GRACE@example.net>.", True),
        (r'{"a": "{\"b\": \"Hello\ngrace@example.net\"}"}', True),
        (r'{"mail": "grace\u0040example.net"}', True),
        ("mail=grace%40example.net&x=1", True),
        ("x+grace@example.net", False),
        ("disgrace@example.net", False),
        ("grace@example.net.au, grace@example.network", False),
        ("+1 (419) 555-2077", True),
        ("0014195552077", True),
        ('{"phone": 4195552077}', True),
        ("phone=%2B1+419+555+2077", True),
        ("14195552077123, 555-2077, 41.4195552077", False),
        ("+44 (0)20 7946 0018", True),
        ("020 7946 0018", True),
        ("+49 12 345", True),
        ("12345", False),
    ],
)
def test_a_text_names_somebody_only_whole(text: str, named: bool) -> None:
    numbers = [parts_of("+14195552077"), parts_of("+442079460018"), ("49", "12345")]
    assert bool(mention_of(["grace@example.net"], numbers).search(readable(text))) is named


async def test_everybody_merged_into_them_goes_too(intake: Intake) -> None:
    one = await intake.person_of(await intake.lead(**ADA))
    other_lead = await intake.lead(last_name=ADA["last_name"], email=f"{CANARY}@firm.example")
    other = await intake.person_of(other_lead)
    await command(intake, "persons", "merge", str(one), str(other))
    await command(intake, "persons", "erase", f"{CANARY}@firm.example", "--yes")
    assert CANARY not in await everything(intake.database)
    told = {(event["lead_id"], event["person_id"]) for event in await intake.events("person.erased")}
    assert {(str(other_lead), str(other)), (str(other_lead), str(one))} <= told


async def test_a_lead_that_was_replaced_while_two_were_one_goes_with_its_own_person(intake: Intake) -> None:
    other = await intake.person_of(await intake.lead(last_name="Oak", email="oak@maple.example", selection="maintenance"))
    old = await intake.lead(**ADA | {"attribution": {}})
    mine = await intake.person_of(old)
    await intake.rows("UPDATE lead SET stage = 'recycled' WHERE id = $1", old)
    await command(intake, "persons", "merge", str(mine), str(other))
    await intake.lead(last_name="Oak", email="oak@maple.example", selection=ADA["selection"])
    await command(intake, "persons", "unmerge", str(mine))
    async with intake.database.reading() as unit:
        assert (await contacts_of(unit, [other]))[other]["email"] == "oak@maple.example"
        assert "phone" not in (await contacts_of(unit, [other]))[other]
    await command(intake, "persons", "erase", str(mine), "--yes")
    assert await intake.state(old) == "erased"
    assert CANARY not in await everything(intake.database)


async def test_an_erasure_and_the_second_step_at_once_leave_nothing_half_done(intake: Intake) -> None:
    await intake.lead(**ADA)
    for number in range(20):
        await intake.submit(**ADA | {"selection": f"need {number}"})
    await asyncio.gather(*(intake.qualify(limit=5) for _ in range(3)), command(intake, "persons", "erase", ADA["email"], "--yes"))
    while await intake.qualify():
        pass
    async with intake.database.reading() as unit:
        assert await ledger.mismatches(unit, NOW) == 0
    await command(
        intake, "persons", "erase", ADA["email"], "--yes", fails=not await intake.value("SELECT count(*) FROM person_key")
    )
    assert CANARY not in (await everything(intake.database)).lower()


async def test_a_repeat_of_an_erased_senders_own_id_revives_nothing(intake: Intake) -> None:
    lead = await intake.lead(**ADA)
    for key, fingerprint in ((b"content", b"content"), (b"provider", b"content")):
        await intake.rows("INSERT INTO receipt VALUES ($1, $2, $3, now() + interval '1 day')", key, lead, fingerprint)
    await command(intake, "persons", "erase", ADA["email"], "--yes")
    rows = await intake.rows("SELECT key, lead_id, fingerprint FROM receipt")
    assert [tuple(row) for row in rows] == [(b"provider", lead, b"")]
