"""Suppressions and letters as they are typed."""

import os
import re
import zlib
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from click.testing import CliRunner

from services.followup import store
from services.followup.adapters import letters
from services.followup.cli import main
from services.followup.scheduler.fence import Fence
from shared.database import Database
from tests.services.followup.company import Company
from tests.services.followup.sending import add_clients, add_touches, states
from tests.support import in_thread


@pytest.fixture
def unfenced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing on the topic is news: it has the touches of other tests, too."""

    async def catch_up(_fence: Fence) -> int:
        return 0

    monkeypatch.setattr(Fence, "catch_up", catch_up)


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
    assert re.search(r"^\d{4}-\d\d-\d\d \d\d:\d\d UTC +email +all +manual ", shown)
    assert "1 suppression." in shown
    assert "ada@" not in shown
    await typed(followup_database, tmp_path, "suppressions", "lift", "ada@example.net")
    assert "1 suppression." in (await typed(followup_database, tmp_path, "suppressions", "list"))[1]


async def test_a_number_is_suppressed_however_it_is_typed_and_what_is_no_address_is_refused(
    followup_database: Database, tmp_path: Path
) -> None:
    assert (await typed(followup_database, tmp_path, "suppressions", "add", "(419) 555-0134", "--channel", "sms"))[0] == 0
    shown = (await typed(followup_database, tmp_path, "suppressions", "list", "--address", "+14195550134"))[1]
    assert "1 suppression." in shown
    for words, said in ((["+14195550134"], "--channel sms"), (["nonsense", "--channel", "sms"], "no phone number")):
        code, told = await typed(followup_database, tmp_path, "suppressions", "add", *words)
        assert (code, said in told) == (1, True), told
    assert "1 suppression." in (await typed(followup_database, tmp_path, "suppressions", "list"))[1]


async def test_what_is_lifted_by_hand_brings_back_what_is_still_to_come(followup_database: Database, tmp_path: Path) -> None:
    company = Company(followup_database)
    await company.agree()
    client_id = await company.client(email="ada@example.net", now=datetime.now(UTC))
    await typed(followup_database, tmp_path, "suppressions", "add", "ada@example.net")
    assert (await company.touches(client_id))["review"]["reason"] == "manual"
    yes = {"channel": "email", "purpose": "", "granted": True, "evidence": "wrote to us", "at": datetime.now(UTC)}
    async with followup_database.transaction() as unit:
        await store.consent.say(unit, [{"id": uuid4(), "client_id": client_id, **yes}])
    assert "Lifted: 1 suppression." in (await typed(followup_database, tmp_path, "suppressions", "lift", "ada@example.net"))[1]
    assert (await company.touches(client_id))["review"]["state"] == "planned"


@pytest.mark.usefixtures("unfenced")
async def test_letters_that_are_due_are_printed_once(followup_database: Database, tmp_path: Path) -> None:
    (client_id,) = await add_clients(followup_database, 1, address="1 Elm St, Toledo OH 43604")
    await add_touches(followup_database, [client_id], channel="post")
    pdf = tmp_path / "letters.pdf"
    code, told = await typed(followup_database, tmp_path, "letters", "print", "--out", str(pdf))
    assert (code, told) == (0, f"{pdf}: 1 letter.\n")
    assert pdf.read_bytes().startswith(b"%PDF")
    async with followup_database.reading() as unit:
        assert [row["state"] for row in await unit.fetch("SELECT state FROM touch")] == ["sent"]
    again = tmp_path / "again.pdf"
    assert (await typed(followup_database, tmp_path, "letters", "print", "--out", str(again)))[1] == "No letter is due.\n"
    assert not again.exists()


@pytest.mark.usefixtures("unfenced")
@pytest.mark.parametrize("where", ["no such folder", "a file"])
async def test_letters_that_could_not_be_written_wait_for_the_next_time(
    followup_database: Database, tmp_path: Path, where: str
) -> None:
    (client_id,) = await add_clients(followup_database, 1, address="1 Elm St, Toledo OH 43604")
    await add_touches(followup_database, [client_id], channel="post")
    (tmp_path / "a file").touch()
    out = tmp_path / where / "letters.pdf"
    code, told = await typed(followup_database, tmp_path, "letters", "print", "--out", str(out))
    assert (code, "Nothing was printed" in told) == (1, True), told
    assert await states(followup_database) == {("planned", None): 1}
    pdf = tmp_path / "letters.pdf"
    assert (await typed(followup_database, tmp_path, "letters", "print", "--out", str(pdf)))[1] == f"{pdf}: 1 letter.\n"


@pytest.mark.usefixtures("unfenced")
async def test_a_name_the_font_does_not_have_holds_no_other_letter_back(
    followup_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letters, "FONTS", ())
    clients = [
        *await add_clients(followup_database, 2, address="1 Elm St"),
        *await add_clients(followup_database, 1, address="ul. Łąkowa"),
    ]
    await add_touches(followup_database, clients, channel="post")
    pdf = tmp_path / "letters.pdf"
    code, told = await typed(followup_database, tmp_path, "letters", "print", "--out", str(pdf))
    assert (code, told.splitlines()[0]) == (0, f"{pdf}: 2 letters.")
    assert f"1 wait, for example to client {clients[2]}: set FOLLOWUP_LETTER_FONT" in told
    assert await states(followup_database) == {("sent", None): 2, ("planned", None): 1}
    again = tmp_path / "again.pdf"
    assert (await typed(followup_database, tmp_path, "letters", "print", "--out", str(again)))[0] == 1
    assert not again.exists()
    assert await states(followup_database) == {("sent", None): 2, ("planned", None): 1}


def test_a_long_address_is_not_written_over() -> None:
    address = "\n".join(f"line {number} of the address" for number in range(12))
    pages = letters.print_letters(
        [letters.Letter("Ada", address, "Hello")], company="Maple", postal_address="Elm St", day="today", font=None
    )
    found = [float(height) for height in re.findall(rb"[\d.]+ ([\d.]+) Td", plain(pages))]
    assert found == sorted(found, reverse=True)


def plain(pdf: bytes) -> bytes:
    """What the pages of a PDF draw."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    return b"".join(zlib.decompress(one) for one in streams if one.startswith(b"x"))
