"""The commands about decisions and the agreement, as a person types them."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from services.handoff import store
from services.handoff.cli import main
from services.handoff.domain.simulation import Simulated, Simulation
from shared.database import Database
from shared.settings import ROOT
from tests.services.handoff.acts import change
from tests.services.handoff.support import SHIPPED, Handoff
from tests.support import in_thread

WRITTEN = "SELECT (SELECT count(*) FROM roster), (SELECT sum(turn) FROM pool), (SELECT count(*) FROM outbox)"


async def typed(*words: str) -> Result:
    return await in_thread(CliRunner().invoke, main, list(words))


async def test_decisions_and_agreements_are_asked_about_on_the_command_line(
    handoff_database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HANDOFF_DATABASE_URL", handoff_database.url)
    handoff = Handoff(handoff_database)
    rosa, sam = await handoff.start("Rosa", "Sam")
    lead = await handoff.qualify()
    other = sam if (await handoff.active(lead))["rep_id"] == rosa else rosa
    explained = await typed("explain", str(lead), "--rep", str(other))
    assert "was next in line in team (rule: everybody), ahead of" in explained.output
    assert "could have taken it with the same credit" in explained.output
    assert (await typed("explain", str(other))).output == "Error: There is no lead of this id.\n"
    assert (await typed("verify")).output == "1 of 1 decisions verify.\n"

    shipped, changed = str(ROOT / "deploy" / "agreement.toml"), tmp_path / "changed.toml"
    changed.write_text(SHIPPED.replace('name = "everybody"', 'name = "all of us"') + '[[rules]]\nname = "late"\npool = "team"\n')
    found = await typed("agreement", "lint", str(changed))
    assert (found.exit_code, "rules.late: No lead can reach it: all of us takes all" in found.output) == (1, True)
    assert found.output.endswith("\n1 finding. It can be applied all the same.\n")
    assert (await typed("agreement", "lint", shipped)).output == "This agreement can be applied.\n"
    assert (
        "The rule 'late' is new, as number 2: leads go to team."
        in (await typed("agreement", "diff", shipped, str(changed))).output
    )
    assert "leads that another rep gets: 0" in (await typed("agreement", "simulate", str(changed), "--days", "365")).output
    refused = await typed("agreement", "apply", str(changed), "--signed-by", "marketing=Ada")
    assert "Sales has not signed" in refused.output
    assert (await typed("agreement", "show")).output == SHIPPED
    applied = await typed("agreement", "apply", str(changed), "--signed-by", "marketing=Ada", "--signed-by", "sales=Bo")
    assert applied.exit_code == 0
    assert (await typed("agreement", "show")).output == changed.read_text()


async def test_one_is_one_and_none_is_said(handoff_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDOFF_DATABASE_URL", handoff_database.url)
    assert (await typed("reps", "list")).output == "There are no reps yet: reps add NAME --email E adds one.\n"
    handoff = Handoff(handoff_database)
    (rosa,) = await handoff.start("Rosa")
    await handoff.qualify()
    assert (await typed("reps", "list")).output.endswith("  1 open lead\n")
    assert (await typed("scoreboard", "rebuild")).output.startswith("1 lead in ")
    assert (await typed("reps", "leave", str(rosa))).output == "Rosa is left.\n1 open lead was handed on.\n"


async def test_no_transaction_waits_while_leads_are_replayed_or_decisions_are_made_again(
    handoff_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database ends one that is silent for five seconds, and a year of 400 reps takes longer."""
    monkeypatch.setenv("HANDOFF_DATABASE_URL", handoff_database.url)
    handoff, replays, together = Handoff(handoff_database), list[bool](), list[int]()
    await handoff.start("Rosa")
    await handoff.qualify()
    async with handoff_database.transaction() as unit:
        await unit.execute(
            "INSERT INTO assignment SELECT (jsonb_populate_record(a, jsonb_build_object('id', gen_random_uuid(), 'attempt', n, "
            "'state', 'expired'))).* FROM assignment a, generate_series(2, 250) AS n"
        )
    decisions = store.assignments.decisions

    async def chunk(*given: Any) -> Any:
        rows = await decisions(*given)
        together.append(len(rows))
        return rows

    def replay(self: Simulation, leads: Any, until: Any) -> Simulated:
        replays.append(asyncio._get_running_loop() is None)
        return Simulated()

    monkeypatch.setattr(store.assignments, "decisions", chunk)
    monkeypatch.setattr(Simulation, "run", replay)
    assert (await typed("verify")).output == "250 of 250 decisions verify.\n"
    assert max(together) <= 100
    assert (await typed("agreement", "simulate", str(ROOT / "deploy" / "agreement.toml"))).exit_code == 0
    assert replays == [True, True]


async def test_before_the_first_agreement_it_is_said_what_to_do(
    handoff_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDOFF_DATABASE_URL", handoff_database.url)
    for command in (("simulate", str(ROOT / "deploy" / "agreement.toml")), ("show",)):
        said = await typed("agreement", *command)
        assert said.output == "Error: No agreement was applied yet: start handoff once, or `agreement apply` one.\n"


async def test_of_a_held_lead_it_is_said_what_stands_in_a_reps_way_now(
    handoff_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDOFF_DATABASE_URL", handoff_database.url)
    handoff = Handoff(handoff_database)
    rosa, sam = await handoff.start("Rosa", "Sam")
    await change(handoff, rosa, state="paused")
    await change(handoff, sam, max_open=0)
    lead = await handoff.qualify()
    async with handoff_database.reading() as unit:
        before = await unit.fetch(WRITTEN)
        for rep, sentence in ((rosa, "Rosa is paused (team)."), (sam, "Sam has 0 open leads already (team).")):
            said = (await typed("explain", str(lead), "--rep", str(rep))).output
            assert said.splitlines()[-1] == f"  Asked now: {sentence}"
        assert await unit.fetch(WRITTEN) == before
    refused = [{"channel": channel, "granted": False} for channel in ("email", "phone", "sms")]
    held_back = await handoff.qualify(consents=refused)
    said = (await typed("explain", str(held_back), "--rep", str(rosa))).output
    assert "not to be contacted on any channel" in said.splitlines()[-1]


async def test_a_rebuild_ends_when_all_lines_are_made_also_where_a_replica_makes_some(
    handoff_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDOFF_DATABASE_URL", handoff_database.url)
    handoff = Handoff(handoff_database)
    await handoff.start("Rosa")
    leads = [await handoff.qualify() for _ in range(3)]

    async def replica() -> None:
        async with handoff_database.transaction() as unit:
            await store.board.only_one(unit)
            await asyncio.sleep(0.5)

    _, rebuilt = await asyncio.gather(replica(), typed("scoreboard", "rebuild"))
    assert rebuilt.output.startswith("3 leads in ")
    async with handoff_database.reading() as unit:
        assert {row["lead_id"] for row in await unit.fetch("SELECT lead_id FROM board_lead")} == set(leads)


async def test_an_agreement_that_a_windows_editor_saved_is_read_or_its_owner_is_told_how_to_save_it(
    handoff_database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HANDOFF_DATABASE_URL", handoff_database.url)
    await Handoff(handoff_database).start("Rosa")
    file = tmp_path / "agreement.toml"
    signed = ("--signed-by", "marketing", "--signed-by", "sales")
    commands = [("lint", str(file)), ("simulate", str(file)), ("diff", str(file), str(file)), ("apply", str(file), *signed)]
    for encoding, code in (("utf-8-sig", 0), ("utf-16", 1)):
        file.write_bytes(SHIPPED.replace('name = "Our company"', 'name = "Zoë"').replace("\n", "\r\n").encode(encoding))
        for command in commands:
            found = await typed("agreement", *command)
            assert (found.exit_code, "save the file as UTF-8" in found.output) == (code, bool(code)), found.output
    assert (await typed("agreement", "show")).output.startswith("#")
