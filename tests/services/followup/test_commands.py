"""Suppressions and letters as they are typed."""

import os
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from click.testing import CliRunner

from services.followup import store
from services.followup.cli import main
from shared.database import Database
from tests.services.followup.company import Company
from tests.services.followup.sending import add_clients, add_touches
from tests.support import in_thread


async def typed(database: Database, folder: Path, *words: str) -> tuple[int, str]:
    environment = {**os.environ, "FOLLOWUP_DATABASE_URL": database.url, "LOCAL_DIR": str(folder)}
    result = await in_thread(lambda: CliRunner().invoke(main, list(words), env=environment))
    return result.exit_code, result.output


async def test_an_address_is_suppressed_by_hand_named_and_not_lifted_without_a_yes(
    followup_database: Database, tmp_path: Path
) -> None:
    assert (await typed(followup_database, tmp_path, "suppressions", "add", "ada@example.net"))[0] == 0
    code, shown = await typed(followup_database, tmp_path, "suppressions", "list", "--address", "ADA@example.net")
    assert code == 0
    assert "manual" in shown
    assert "1 suppressions" in shown
    assert "ada@" not in shown
    await typed(followup_database, tmp_path, "suppressions", "lift", "ada@example.net")
    assert "1 suppressions" in (await typed(followup_database, tmp_path, "suppressions", "list"))[1]


async def test_a_number_is_suppressed_however_it_is_typed_and_what_is_no_address_is_refused(
    followup_database: Database, tmp_path: Path
) -> None:
    assert (await typed(followup_database, tmp_path, "suppressions", "add", "(419) 555-0134", "--channel", "sms"))[0] == 0
    shown = (await typed(followup_database, tmp_path, "suppressions", "list", "--address", "+14195550134"))[1]
    assert "1 suppressions" in shown
    for words, said in ((["+14195550134"], "--channel sms"), (["nonsense", "--channel", "sms"], "no phone number")):
        code, told = await typed(followup_database, tmp_path, "suppressions", "add", *words)
        assert (code, said in told) == (1, True), told
    assert "1 suppressions" in (await typed(followup_database, tmp_path, "suppressions", "list"))[1]


async def test_what_is_lifted_by_hand_brings_back_what_is_still_to_come(followup_database: Database, tmp_path: Path) -> None:
    company = Company(followup_database)
    await company.agree()
    client_id = await company.client(email="ada@example.net", now=datetime.now(UTC))
    await typed(followup_database, tmp_path, "suppressions", "add", "ada@example.net")
    assert (await company.touches(client_id))["review"]["reason"] == "manual"
    yes = {"channel": "email", "purpose": "", "granted": True, "evidence": "wrote to us", "at": datetime.now(UTC)}
    async with followup_database.transaction() as unit:
        await store.consent.say(unit, [{"id": uuid4(), "client_id": client_id, **yes}])
    assert "1 suppressions" in (await typed(followup_database, tmp_path, "suppressions", "lift", "ada@example.net"))[1]
    assert (await company.touches(client_id))["review"]["state"] == "planned"


async def test_letters_that_are_due_are_printed_once(followup_database: Database, tmp_path: Path) -> None:
    (client_id,) = await add_clients(followup_database, 1, address="1 Elm St, Toledo OH 43604")
    await add_touches(followup_database, [client_id], channel="post")
    pdf = tmp_path / "letters.pdf"
    code, told = await typed(followup_database, tmp_path, "letters", "print", "--out", str(pdf))
    assert (code, told) == (0, f"1 letters are in {pdf}.\n")
    assert pdf.read_bytes().startswith(b"%PDF")
    async with followup_database.reading() as unit:
        assert [row["state"] for row in await unit.fetch("SELECT state FROM touch")] == ["sent"]
    again = tmp_path / "again.pdf"
    assert (await typed(followup_database, tmp_path, "letters", "print", "--out", str(again)))[1] == "No letter is due.\n"
    assert not again.exists()
