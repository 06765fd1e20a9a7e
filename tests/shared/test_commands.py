"""Commands when something they need is away: a sentence that says what to do, and no traceback."""

from pathlib import Path

import asyncpg
import click
import pytest
from click.testing import CliRunner, Result

from deploy.local.postgres import Postgres
from services.followup.cli import main as followup
from services.handoff.cli import main as handoff
from services.handoff.settings import Settings
from services.intake.cli import main as intake
from shared.commands import Commands
from shared.database import Database
from shared.dead_letters import times_before
from shared.events import INTAKE
from tests.support import in_thread


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("INTAKE", "HANDOFF", "FOLLOWUP"):
        monkeypatch.delenv(f"{name}_DATABASE_URL", raising=False)
    monkeypatch.setenv("LOCAL_DIR", str(tmp_path))
    monkeypatch.setenv("POSTGRES_PORT", "1")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")


@pytest.mark.parametrize(
    ("command", "words"),
    [(intake, "forms list"), (intake, "migrate"), (handoff, "reps list"), (handoff, "verify"), (followup, "plan list")],
)
async def test_a_command_without_its_database_says_where_to_look(command: object, words: str) -> None:
    said = await typed(command, *words.split())
    assert said.exit_code == 1
    assert said.output.startswith("Error: The database does not let us in (ConnectionRefusedError): see ")
    assert said.output.endswith("_DATABASE_URL; with none, the database of `make up`, while it runs.\n")


async def test_a_named_secret_that_is_not_there_is_a_sentence_and_never_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "secret"))
    said = await typed(handoff, "serve")
    assert (said.exit_code, said.output.startswith("Error: SECRET_KEY_FILE names ")) == (1, True)
    assert await in_thread(lambda: list(tmp_path.glob("secret*"))) == []


def test_a_database_that_was_named_is_never_the_local_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDOFF_EMBEDDED", "true")
    assert Settings().embedded
    assert not Settings(database_url="postgresql://handoff@db/handoff").embedded


async def test_a_log_level_that_is_none_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "debug")
    assert Settings().log_level == "DEBUG"
    monkeypatch.setenv("LOG_LEVEL", "verbose")
    said = await typed(handoff, "serve")
    assert (said.exit_code, said.output.startswith("The setting LOG_LEVEL: Input should be 'DEBUG'")) == (2, True)


@pytest.mark.parametrize(
    ("told", "times"), [({}, 0), ({"redrive-count": "2"}, 2), ({"redrive-count": "abc"}, 0), ({"redrive-count": ""}, 0)]
)
def test_a_strangers_header_does_not_stop_a_redrive(told: dict[str, str], times: int) -> None:
    assert times_before(told) == times


async def test_a_command_without_kafka_says_where_to_look() -> None:
    said = await typed(handoff, "redrive", "--topic", INTAKE)
    assert (said.exit_code, said.output.startswith("Error: Kafka does not answer")) == (1, True)
    assert "KAFKA_BOOTSTRAP_SERVERS" in said.output


async def test_a_command_before_the_tables_were_made_says_how_to_make_them(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDOFF_DATABASE_URL", await postgres.ensure_database("without_tables"))
    said = await typed(handoff, "reps", "list")
    assert said.output == "Error: The database has no tables of this version: run python -m services.handoff migrate.\n"


async def test_a_command_that_gave_way_to_the_service_says_to_run_it_again() -> None:
    @click.group(cls=Commands)
    def group() -> None:
        pass

    @group.command()
    def erase() -> None:
        raise asyncpg.DeadlockDetectedError

    said = await typed(group, "erase")
    assert (said.exit_code, "Please run this again." in said.output) == (1, True)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("migrate", "The tables of handoff are those of this version.\n"),
        ("keys list", "There are no keys: keys create CLIENT --scope SCOPE makes one.\n"),
        ("resend --dry-run", "0 would be sent again.\n"),
    ],
)
async def test_a_command_says_what_it_found(
    handoff_database: Database, monkeypatch: pytest.MonkeyPatch, words: str, sentence: str
) -> None:
    monkeypatch.setenv("HANDOFF_DATABASE_URL", handoff_database.url)
    said = await typed(handoff, *words.split())
    assert (said.exit_code, said.output) == (0, sentence)


async def test_a_reason_that_is_none_is_not_taken_for_nothing_found() -> None:
    said = await typed(handoff, "redrive", "--topic", INTAKE, "--reason", "paked")
    assert said.exit_code == 2


async def typed(command: object, *words: str) -> Result:
    return await in_thread(CliRunner().invoke, command, list(words))
