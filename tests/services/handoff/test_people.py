"""People are data: added, imported by their address, paused, changed; who leaves hands their leads on."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from click.testing import CliRunner, Result

from services.handoff import store
from services.handoff.cli import main
from services.handoff.cli.roster import read_roster
from services.handoff.domain.lifecycle import Illegal
from services.handoff.use_cases import people
from services.handoff.use_cases.manual import reassign
from services.handoff.use_cases.people import PeopleError
from services.handoff.use_cases.rep_changes import NewRep, RepChanges
from services.handoff.use_cases.route import lock_for_routing, receive_leads, route
from shared.api_keys import create_key
from shared.database import Database, Transaction
from tests.services.handoff.acts import change
from tests.services.handoff.support import SHIPPED, Handoff, qualified
from tests.support import in_thread

HEADER = "name,email,pool,weight,skills,languages,zone,hours,max_open,on_call\n"


@pytest.fixture
async def handoff(handoff_database: Database) -> Handoff:
    handoff = Handoff(handoff_database)
    handoff.now = datetime.now(UTC)
    await handoff.start("Rosa", "Sam", agreement=SHIPPED.replace("[pools.team]", "[pools.north]\n\n[pools.team]"))
    return handoff


async def reps(handoff: Handoff) -> dict[str, Any]:
    async with handoff.database.reading() as unit:
        return {row["name"]: dict(row) for row in await store.people.reps(unit)}


@pytest.fixture
def command(handoff: Handoff, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a command of handoff on the test's database."""
    monkeypatch.setenv("HANDOFF_DATABASE_URL", handoff.database.url)

    async def run(*arguments: str) -> Result:
        return await in_thread(lambda: CliRunner().invoke(main, ["reps", *arguments]))

    return run


async def test_a_rep_is_added_with_all_that_routing_knows_and_shown(handoff: Handoff, command: Any) -> None:
    options = ["--pool", "north:3", "--skills", "gas; water", "--hours", "mon-fri 09:00-17:00", "--zone", "America/New_York"]
    more = ["--max-open", "5", "--on-call", "true", "--off", "2026-12-24/2026-12-26"]
    added = await command("add", "Tina", "--email", "Tina@Maple.example", *options, *more)
    assert added.exit_code == 0, added.output
    tina = (await reps(handoff))["Tina"]
    assert UUID(added.output.strip()) == tina["id"]
    assert (tina["email"], tina["pools"], tina["skills"]) == ("tina@maple.example", {"north": 3}, ["gas", "water"])
    assert (tina["hours"]["fri"], tina["max_open"], tina["on_call"]) == (["09:00-17:00"], 5, True)
    assert tina["away"][0]["starts_at"].startswith("2026-12-24T05:00:00")
    shown = await command("show", str(tina["id"]))
    assert "America/New_York" in shown.output


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--email", "sam@maple.example"], "There is already a rep with the address sam@maple.example."),
        (["--email", "no address"], "this is not an email address"),
        (["--email", "t@maple.example", "--pool", "south"], "The agreement has no pool 'south'; it has north, team."),
        (["--email", "t@maple.example", "--zone", "Mars"], "is not an IANA time zone"),
        (["--email", "t@maple.example", "--hours", "mon 9-5"], "is not an interval such as 09:00-17:00"),
        (["--email", "t@maple.example", "--zone", "Nowhere/X", "--off", "2026-12-24"], "is not an IANA time zone"),
        (["--email", "t@maple.example", "--off", "2026-12-26/2026-12-24"], "Time off must end after it starts."),
        (["--email", "t@maple.example", "--zone", "America/New_York", "--off", "2026-07-01/9999-12-31"], "no time of our"),
    ],
)
async def test_what_cannot_be_gets_a_sentence(handoff: Handoff, command: Any, options: list[str], sentence: str) -> None:
    answer = await command("add", "Tina", *options)
    assert answer.exit_code == 1
    assert sentence in answer.output
    assert "Tina" not in await reps(handoff)


async def test_a_roster_is_imported_whole_or_not_at_all_and_again_changes_nothing(
    handoff: Handoff, command: Any, tmp_path: Path
) -> None:
    file = tmp_path / "reps.csv"
    file.write_text(f"\ufeff{HEADER}Tina,tina@maple.example,,,,,Mars,,,\nSam,,,,,,,,,\nUma,uma@maple.example,,x,,,,,,\n")
    refused = await command("import", str(file))
    assert refused.exit_code == 1
    assert [line.split(":")[0] for line in refused.output.splitlines()[:3]] == ["line 2", "line 3", "line 4"]
    assert "Tina" not in await reps(handoff)
    good = f"{HEADER}Tina,tina@maple.example,north; team:2,3,gas,en; es,America/New_York,mon-fri 09:00-17:00,9,yes\n"
    file.write_text(f"{good}Sam B,SAM@maple.example,,,,,,,,\n,,,,,,,,,\n")
    assert "1 added, 1 changed, 0 unchanged (dry run" in (await command("import", str(file), "--dry-run")).output
    assert "Tina" not in await reps(handoff)
    assert "1 added, 1 changed, 0 unchanged." in (await command("import", str(file))).output
    tina = (await reps(handoff))["Tina"]
    assert (tina["pools"], tina["languages"]) == ({"north": 3, "team": 2}, ["en", "es"])
    assert "0 added, 0 changed, 2 unchanged." in (await command("import", str(file))).output


async def test_a_weight_without_a_pool_counts_in_all_of_theirs(handoff: Handoff, command: Any, tmp_path: Path) -> None:
    await command("add", "Tina", "--email", "tina@maple.example", "--weight", "3")
    tina = (await reps(handoff))["Tina"]
    assert tina["pools"] == {"team": 3}
    await command("set", str(tina["id"]), "--pool", "north")
    await command("set", str(tina["id"]), "--weight", "5")
    assert (await reps(handoff))["Tina"]["pools"] == {"north": 5, "team": 5}
    file = tmp_path / "reps.csv"
    file.write_text(f"{HEADER}Tina,tina@maple.example,,7,,,,,,\nUma,uma@maple.example,,2,,,,,,\n")
    assert "1 added, 1 changed, 0 unchanged." in (await command("import", str(file))).output
    assert "0 added, 0 changed, 2 unchanged." in (await command("import", str(file))).output
    found = await reps(handoff)
    assert (found["Tina"]["pools"], found["Uma"]["pools"]) == ({"north": 7, "team": 7}, {"team": 2})
    await command("set", str(tina["id"]), "--weight", "0")
    assert "this one is in none" in (await command("set", str(tina["id"]), "--weight", "2")).output


@pytest.mark.parametrize(
    ("known", "given", "begins"),
    [("America/Los_Angeles", [], "07:00"), ("America/Los_Angeles", ["--zone", "America/New_York"], "04:00"), ("", [], "00:00")],
)
async def test_days_off_are_days_where_the_rep_is(
    handoff: Handoff, command: Any, known: str, given: list[str], begins: str
) -> None:
    sam = (await reps(handoff))["Sam"]["id"]
    await change(handoff, sam, zone=known)
    assert (await command("set", str(sam), "--off", "2026-07-01/2026-07-03", *given)).exit_code == 0
    (away,) = (await reps(handoff))["Sam"]["away"]
    assert away["starts_at"].startswith(f"2026-07-01T{begins}:00")


async def test_a_holiday_that_is_called_off_is_cleared(handoff: Handoff, command: Any) -> None:
    sam = (await reps(handoff))["Sam"]["id"]
    for clear in (lambda: command("set", str(sam), "--off", ""), lambda: patched(handoff, sam, {"away": None})):
        assert (await patched(handoff, sam, {"away": [AWAY]})).json()["away"] != []
        assert (await patched(handoff, sam, {"max_open": 5})).json()["away"] != []
        await clear()
        assert (await reps(handoff))["Sam"]["away"] == []
    assert "is not a day such as 2026-12-24" in (await command("set", str(sam), "--off", "christmas")).output


AWAY = {"starts_at": "2026-12-24T00:00:00Z", "ends_at": "2026-12-27T00:00:00Z"}


async def patched(handoff: Handoff, rep: UUID, changes: dict[str, Any]) -> Any:
    async with handoff.client() as client:
        return await client.patch(f"/v1/reps/{rep}", json=changes)


async def test_the_roster_of_one_who_has_left_says_what_to_do(handoff: Handoff, command: Any, tmp_path: Path) -> None:
    await command("leave", str((await reps(handoff))["Sam"]["id"]))
    file = tmp_path / "reps.csv"
    file.write_text(f"{HEADER}Sam,sam@maple.example,,,,,,,,\n")
    assert (await command("import", str(file))).exit_code == 1
    file.write_text(f"{HEADER}Tina,tina@maple.example,south,,,,,,,\nSam,sam@maple.example,,,,,,,,\n")
    for options in ((), ("--dry-run",)):
        refused = await command("import", str(file), *options)
        assert refused.exit_code == 1
        assert "line 2: The agreement has no pool 'south'" in refused.output
        assert "line 3: The rep with the address sam@maple.example has left: give another address" in refused.output
    assert "Tina" not in await reps(handoff)


def test_a_table_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "reps.csv"
    for content, sentence in ((b"name,emial\n", "emial"), (b"name\nx\n", "'email' is missing"), (b"\xff\xfe", "UTF-8")):
        file.write_bytes(content)
        with pytest.raises(Exception, match=sentence):
            read_roster(file)
    file.write_text("name,email,Email\nA,a@b.c,d@e.f\n")
    with pytest.raises(Exception, match="The column 'email' stands there twice"):
        read_roster(file)
    file.write_text("name,email\nA,a@b.c\nB,A@B.c\n")
    assert read_roster(file)[1].wrong == "the address stands in line 2 already"


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_table_is_read_whatever_parts_its_cells(tmp_path: Path, mark: str) -> None:
    file = tmp_path / "reps.csv"
    file.write_text('name,skills,email\nA,"gas; water",a@b.c\n'.replace(",", mark))
    (line,) = read_roster(file)
    assert line.rep is not None, line.wrong
    assert (line.rep.email, line.rep.skills) == ("a@b.c", ["gas", "water"])


def test_a_comma_within_a_cell_moves_no_other_cell(tmp_path: Path) -> None:
    file = tmp_path / "reps.csv"
    file.write_text('name,email,skills,languages\nA,a@b.c,"gas; water",en,,\nB,b@b.c,gas, water,en\n')
    fine, moved = read_roster(file)
    assert (fine.wrong, moved.rep) == ("", None)
    assert "more cells than there are columns" in moved.wrong


async def test_a_paused_rep_gets_no_lead_and_one_resumed_gets_some_again(handoff: Handoff, command: Any) -> None:
    rosa = str((await reps(handoff))["Rosa"]["id"])
    assert (await command("pause", rosa)).output == "Rosa is paused.\n"
    owners = {(await handoff.active(await handoff.qualify()))["rep_id"] for _ in range(4)}
    assert UUID(rosa) not in owners
    assert (await command("resume", rosa)).output == "Rosa is active.\n"
    owners = {(await handoff.active(await handoff.qualify()))["rep_id"] for _ in range(4)}
    assert UUID(rosa) in owners


async def test_who_leaves_hands_their_open_leads_on_and_their_balance_is_spread(handoff: Handoff, command: Any) -> None:
    leads = [await handoff.qualify() for _ in range(5)]
    rosa = (await handoff.active(leads[0]))["rep_id"]
    name = next(name for name, row in (await reps(handoff)).items() if row["id"] == rosa)
    async with handoff.database.transaction() as unit:
        key = await create_key(unit, "rosa", ["leads:read"], now=handoff.now, rep_id=rosa)
    answer = await command("leave", str(rosa))
    assert answer.output == f"{name} is left.\n3 open leads were handed on.\n"
    assert {(await handoff.active(lead))["rep_id"] for lead in leads} == {
        row["id"] for row in (await reps(handoff)).values() if row["id"] != rosa
    }
    assert "assignment.withdrawn" in await handoff.types(leads[0])
    async with handoff.database.reading() as unit:
        credits = {row["rep_id"]: row["credit"] for row in await unit.fetch("SELECT rep_id, credit FROM pool_member")}
    assert sum(credits.values()) == 0
    assert credits[rosa] == 0
    async with handoff.client(key) as client:
        assert (await client.get("/v1/assignments")).status_code == 401
    assert "has left" in (await command("resume", str(rosa))).output


async def test_the_last_one_to_leave_leaves_leads_held_not_lost(handoff: Handoff) -> None:
    lead = await handoff.qualify()
    async with handoff.database.transaction() as unit:
        for row in await store.people.reps(unit):
            await people.leave(unit, row["id"], handoff.now)
    assert await handoff.state(lead) == "held"


async def test_the_api_says_the_same_with_the_scope_for_it(handoff: Handoff) -> None:
    async with handoff.client() as client:
        body = {"name": "Tina", "email": "tina@maple.example", "pools": {"north": 2}, "hours": {"mon-fri": ["09:00-17:00"]}}
        added = await client.post("/v1/reps", json=body)
        assert added.status_code == 201
        path = f"/v1/reps/{added.json()['id']}"
        assert added.json()["hours"]["fri"] == ["09:00-17:00"]
        assert (await client.post("/v1/reps", json=body)).status_code == 409
        assert (await client.post("/v1/reps", json={**body, "shoe_size": 9})).status_code == 422
        changed = await client.patch(path, json={"hours": None, "max_open": 3, "pools": {"north": 0, "team": 1}})
        assert (changed.json()["hours"], changed.json()["max_open"]) == ({}, 3)
        assert changed.json()["pools"] == {"north": 0, "team": 1}
        assert (await client.patch(path, json={"email": None})).status_code == 409
        never = await client.patch(path, json={"hours": {"sat": [], "sun": []}})  # meant: not at weekends
        assert (never.status_code, "name the days they work" in never.text) == (422, True)
        until = (handoff.now + timedelta(days=1)).isoformat()
        assert (await client.post(f"{path}/pause", json={"until": until})).json()["state"] == "paused"
        assert (await client.post(f"{path}/resume")).json()["paused_until"] is None
        assert (await client.post(f"{path}/leave")).json()["state"] == "left"
        assert (await client.get(f"/v1/reps/{uuid4()}")).status_code == 404
    async with handoff.database.transaction() as unit:
        key = await create_key(unit, "hr", ["leads:read"], now=handoff.now)
    async with handoff.client(key) as client:
        assert (await client.get("/v1/reps")).status_code == 200
        assert (await client.post("/v1/reps", json=body)).status_code == 403


async def test_what_no_database_can_keep_gets_422(handoff: Handoff) -> None:
    sam, never = (await reps(handoff))["Sam"]["id"], "9999-12-31T23:59:59-05:00"
    async with handoff.client() as client:
        for path, body in (
            ("", {"name": "Tina", "email": "a\x00b@maple.example"}),
            ("", {"name": "Tina", "email": "a\x7fb@maple.example"}),
            ("", {"name": "Tina", "email": "t@maple.example", "away": [AWAY | {"ends_at": never}]}),
            (f"/{sam}/pause", {"until": never}),
        ):
            assert (await client.post(f"/v1/reps{path}", json=body)).status_code == 422, body


async def test_lists_go_on_where_the_page_before_ended(handoff: Handoff) -> None:
    for _ in range(5):
        await handoff.qualify()
    async with handoff.client() as client:
        for path, key in (("/v1/assignments?limit=2", "assignment_id"), ("/v1/reps?limit=1", "id")):
            seen, address = [], path
            while address:
                answer = await client.get(address)
                seen += [one[key] for one in answer.json()["items"]]
                address = answer.links.get("next", {}).get("url", "")
            assert len(seen) == len(set(seen)) == (5 if "assign" in path else 2)


async def test_two_who_add_the_same_address_at_once_add_one(handoff: Handoff) -> None:
    given = NewRep(name="Tina", email="tina@maple.example")

    async def add() -> bool:
        try:
            async with handoff.database.transaction() as unit:
                await people.add_rep(unit, given, handoff.now)
        except PeopleError:
            return False
        return True

    assert await add()
    assert not await add()
    async with handoff.database.transaction() as unit:
        tina = await store.people.by_email(unit, given.email)
        with pytest.raises(PeopleError):
            await people.change_rep(unit, tina["id"], RepChanges(email="sam@maple.example"))


async def _gets_a_weight(unit: Transaction, rosa: Any, now: datetime) -> None:
    await people.change_rep(unit, rosa["id"], RepChanges(weight=2))


async def _is_imported(unit: Transaction, rosa: Any, now: datetime) -> None:
    await people.import_reps(unit, {1: NewRep(name="Rosa", email=rosa["email"], pools={"team": 2})}, now)


async def _leaves(unit: Transaction, rosa: Any, now: datetime) -> None:
    await people.leave(unit, rosa["id"], now)


@pytest.mark.parametrize("happens", [_gets_a_weight, _is_imported, _leaves])
async def test_who_is_given_a_lead_in_that_moment_is_changed_and_nobody_waits_in_a_ring(handoff: Handoff, happens: Any) -> None:
    found = await reps(handoff)
    await change(handoff, found["Sam"]["id"], state="paused")
    await handoff.qualify()
    begun = asyncio.Event()

    async def routing() -> None:
        async with handoff.database.transaction() as unit:
            await store.pools.lock_pools(unit, ["team"])
            begun.set()
            await asyncio.sleep(0.2)
            await receive_leads(unit, [handoff.received(qualified(uuid4(), handoff.now))], handoff.now)

    async def changing() -> None:
        await begun.wait()
        async with handoff.database.transaction() as unit:
            await happens(unit, found["Rosa"], handoff.now)

    await asyncio.gather(routing(), changing())


@pytest.mark.parametrize("leaves_first", [True, False])
async def test_nobody_is_given_a_lead_by_hand_while_they_leave(handoff: Handoff, leaves_first: bool) -> None:
    found = await reps(handoff)
    lead, rosa = await handoff.qualify(), found["Rosa"]["id"]
    if (await handoff.active(lead))["rep_id"] == rosa:
        lead = await handoff.qualify()
    begun, refused = asyncio.Event(), []

    async def given() -> None:
        async with handoff.database.transaction() as unit:
            try:
                await reassign(unit, lead, rosa, "", handoff.now)
            except Illegal as error:
                refused.append(str(error))
            begun.set()
            await asyncio.sleep(0.1)

    async def leaving() -> None:
        async with handoff.database.transaction() as unit:
            while (await people.leave(unit, rosa, handoff.now))["open_leads"]:
                pass
            begun.set()
            await asyncio.sleep(0.1)

    first, second = (leaving, given) if leaves_first else (given, leaving)

    async def afterwards() -> None:
        await begun.wait()
        await second()

    await asyncio.gather(first(), afterwards())
    assert (await reps(handoff))["Rosa"]["open_leads"] == 0
    assert len(refused) == leaves_first


async def test_a_pause_waits_in_no_ring_with_the_clock_that_gives_that_rep_a_held_lead(handoff: Handoff) -> None:
    found = await reps(handoff)
    for rep in found.values():
        await change(handoff, rep["id"], state="paused")
    lead = await handoff.qualify()
    await change(handoff, found["Rosa"]["id"], state="active")
    begun = asyncio.Event()

    async def clock() -> None:
        async with handoff.database.transaction() as unit:
            await store.timers.claim_timers(unit, handoff.now)
            begun.set()
            await asyncio.sleep(0.2)
            await lock_for_routing(unit, [lead], handoff.now)
            await route(unit, await store.leads.lock_leads(unit, [lead]), handoff.now)

    async def pausing() -> None:
        await begun.wait()
        async with handoff.database.transaction() as unit:
            await people.pause_rep(unit, found["Rosa"]["id"], None)

    await asyncio.gather(clock(), pausing())
    assert (await reps(handoff))["Rosa"]["state"] == "paused"
