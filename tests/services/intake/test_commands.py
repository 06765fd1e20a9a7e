"""Forms, endpoints and the quarantine from the command line."""

import asyncio
import hashlib
import json
import re
import time
from base64 import b64decode
from pathlib import Path
from uuid import UUID

import pytest
from click.testing import CliRunner, Result

from services.intake.cli import main
from services.intake.use_cases.review_quarantine import NotInQuarantine, discard, release
from tests.services.intake import senders
from tests.services.intake.conftest import Doors
from tests.services.intake.support import Intake
from tests.services.intake.test_form_posts import GERMAN
from tests.services.intake.test_forms import SPRING


@pytest.fixture
def run(doors: Doors, tmp_path: Path) -> "Run":
    return Run({"INTAKE_DATABASE_URL": doors.database.url, "LOCAL_DIR": str(tmp_path)}, tmp_path)


class Run:
    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.environment, self.folder = environment, folder

    async def __call__(self, *arguments: str, fails: bool = False) -> Result:
        result: Result = await asyncio.to_thread(CliRunner().invoke, main, arguments, env=self.environment)
        assert (result.exit_code != 0) == fails, result.output
        return result

    def file(self, text: str, encoding: str = "utf-8") -> str:
        path = self.folder / "form.toml"
        path.write_text(text, encoding=encoding)
        return str(path)


async def test_a_form_is_added_shown_pasted_and_disabled(doors: Doors, run: Run) -> None:
    await run("forms", "add", run.file(SPRING))
    await doors.reload_forms()
    assert (await doors.http.get("/f/spring")).status_code == 200
    assert "spring is at version 2" in (await run("forms", "add", run.file(SPRING))).stdout
    listed = (await run("forms", "list")).stdout
    assert all(key in listed for key in ("api", "contact", "spring  version 2"))
    assert json.loads((await run("forms", "show", "spring")).stdout)["one_of"] == ["email", "phone"]
    html = (await run("forms", "show", "spring", "--html")).stdout
    assert '<form method="post" action="http://127.0.0.1:8001/f/spring"' in html
    mark = hashlib.sha256(b"Text me offers.").hexdigest()[:16]
    assert f'name="_consent_texts" value="{mark}">' in html, "the box names its words, and starts empty"
    assert 'integrity="sha384-' in (await run("forms", "embed", "spring")).stdout
    made = (await run("endpoints", "add", "wpforms", "--form", "spring")).stdout.strip()
    await run("endpoints", "add", "wpforms")
    assert re.findall(r"endpoint (\S+) \(wpforms\)", (await run("forms", "disable", "spring")).stderr) == [made]
    await doors.reload_forms()
    assert (await doors.http.get("/f/spring")).status_code == 404
    assert "There is no form" in (await run("forms", "disable", "spring", fails=True)).output


async def test_a_form_with_mistakes_is_refused_with_every_one_of_them(run: Run) -> None:
    bad = SPRING.replace('version = "1"', 'version = "1"\nchecked = true').replace('title = "Get a free estimate"', "")
    output = (await run("forms", "add", run.file(bad), fails=True)).output
    assert "title" in output
    assert "ticked beforehand" in output


async def test_a_captcha_nobody_can_check_is_said_when_its_form_is_added_and_beside_what_it_sets_aside(
    doors: Doors, run: Run
) -> None:
    captcha = '[captcha]\nprovider = "hcaptcha"\nsite_key = "k"\n'
    added = await run("forms", "add", run.file(SPRING + captcha))
    assert "INTAKE_HCAPTCHA_SECRET is not set here" in added.stderr
    assert "sets every post of this form aside" in added.stderr
    await doors.reload_forms()
    post = {"email": "grace@example.net", "boiler": "gas", "h-captcha-response": "solved"}
    assert (await doors.http.post("/f/spring", data=post)).status_code == 303
    assert "no secret of hcaptcha is set" in (await run("quarantine", "list")).stdout
    run.environment["INTAKE_HCAPTCHA_SECRET"] = "0x1"
    assert "not set" not in (await run("forms", "add", run.file(SPRING + captcha))).stderr


async def test_a_form_is_read_as_windows_editors_save_it_or_refused_with_a_sentence(run: Run) -> None:
    german = SPRING.replace("Get a free estimate", "Jetzt anrufen, für später")
    assert "spring is at version 1" in (await run("forms", "add", run.file(german, "utf-8-sig"))).stdout
    for encoding in ("cp1252", "utf-16"):
        refused = await run("forms", "add", run.file(german, encoding), fails=True)
        assert "Error: Please save the file as UTF-8." in refused.output


async def test_what_a_form_in_another_language_leaves_in_english_is_said_when_it_is_added(run: Run) -> None:
    left = "is in de, but its file leaves in English: phone.invalid, texts.no_text, texts.invisible, texts.one_line."
    assert left in (await run("forms", "add", run.file(GERMAN))).stderr
    bare = SPRING.replace("region", 'language = "pt-BR"\nregion')
    added = await run("forms", "add", run.file(bare))
    assert "email.invalid, phone.invalid, boiler.missing, boiler.invalid, texts." in added.stderr
    assert (await run("forms", "add", run.file(bare.replace("pt-BR", "en-GB")))).stderr == ""


async def test_an_endpoint_is_made_its_secret_changed_and_the_endpoint_stopped(doors: Doors, run: Run) -> None:
    made = (await run("endpoints", "add", "meta", "--secret", "one")).stdout.strip()
    assert len(made) >= 22, "128 bits at least"

    async def status(secret: str) -> int:
        body = senders.meta_notice(7)
        headers = {"Content-Type": "application/json", **senders.meta_signature(body, secret)}
        return (await doors.http.post(f"/hooks/{made}", content=body, headers=headers)).status_code

    new = (await run("endpoints", "rotate", made)).stdout.strip()
    assert [await status("one"), await status(new)] == [200, 200]
    assert (
        "put the new one in force first"
        in (await run("endpoints", "rotate", made, "--finish", "--secret", "three", fails=True)).output
    )
    assert [await status("one"), await status(new)] == [200, 200], "nothing was changed"
    await run("endpoints", "rotate", made, "--finish")
    assert [await status("one"), await status(new)] == [401, 200]
    listed = (await run("endpoints", "list")).output
    assert made in listed
    assert new not in listed
    await run("endpoints", "disable", made)
    assert await status(new) == 404


async def test_an_endpoint_whose_id_begins_with_a_dash_can_be_changed_and_stopped_too(doors: Doors, run: Run) -> None:
    made = (await run("endpoints", "add", "generic")).stdout.strip()
    async with doors.database.transaction() as unit:
        await unit.execute("UPDATE endpoint SET id = '-a-fS_1' WHERE id = $1", made)
    await run("endpoints", "rotate", "-a-fS_1")
    await run("endpoints", "disable", "-a-fS_1")


async def test_a_secret_made_for_standard_webhooks_is_one_its_sender_can_sign_with(doors: Doors, run: Run) -> None:
    made = (await run("endpoints", "add", "standard", "--secret", "whsec_a2tra2tra2tra2tra2tra2tra2tra2tr")).stdout.strip()
    new = (await run("endpoints", "rotate", made)).stdout.strip()
    await run("endpoints", "rotate", made, "--finish")
    body, key = b'{"data": {"email": "grace@example.net"}}', b64decode(new.removeprefix("whsec_"), validate=True)
    headers = {"Content-Type": "application/json", **senders.standard_signature(body, key, time.time())}
    assert (await doors.http.post(f"/hooks/{made}", content=body, headers=headers)).status_code == 200
    for secret in ("not base64!", "whsec_"):
        for command in (("rotate", made), ("add", "standard")):
            assert "base64" in (await run("endpoints", *command, "--secret", secret, fails=True)).output
    again = {**headers, **senders.standard_signature(body, key, time.time(), "msg_2")}
    assert (await doors.http.post(f"/hooks/{made}", content=body, headers=again)).status_code == 200, "nothing was changed"


async def test_an_endpoint_that_could_not_be_verified_is_not_made(run: Run) -> None:
    for kind in ("meta", "google", "standard"):
        assert "--secret" in (await run("endpoints", "add", kind, fails=True)).output
    assert "There is no form" in (await run("endpoints", "add", "generic", "--form", "nosuch", fails=True)).output


async def held_lead(doors: Doors, run: Run) -> str:
    made = (await run("endpoints", "add", "generic")).stdout.strip()
    answer = await doors.http.post(f"/hooks/{made}", json={"name": "Grace Hopper", "phone": "12", "budget": "small"})
    return str(answer.json()["lead_id"])


async def test_what_was_set_aside_is_mended_and_goes_on(doors: Doors, run: Run) -> None:
    lead_id = await held_lead(doors, run)
    listed = (await run("quarantine", "list")).stdout
    assert "phone: This isn't a valid phone number." in listed
    assert re.search(r"  \d{4}-\d\d-\d\d \d\d:\d\d UTC  api  ", listed)
    assert "valid phone" in (await run("quarantine", "release", lead_id, "--set", "phone=13", fails=True)).output
    await run("quarantine", "release", lead_id, "--set", "phone=419 555 2002", "--set", "selection=Emergency")
    found = await doors.only_submission()
    assert found["content"]["fields"]["selection"] == "emergency"
    assert (found["state"], found["reason"]) == ("waiting", None)
    assert found["content"]["fields"]["phone"] == "+14195552002"
    assert found["content"]["answers"] == {"budget": "small", "phone (as sent)": "12"}
    assert "no such submission" in (await run("quarantine", "release", lead_id, fails=True)).output


async def test_what_was_set_aside_is_read_before_it_goes_on_and_its_form_knows_the_numbers(doors: Doors, run: Run) -> None:
    await run("forms", "add", run.file(SPRING))  # its region is British
    await doors.reload_forms()
    made = (await run("endpoints", "add", "generic", "--form", "spring")).stdout.strip()
    answer = await doors.http.post(f"/hooks/{made}", json={"phone": "12", "budget": "small"})
    lead_id = str(answer.json()["lead_id"])
    assert "small" not in (await run("quarantine", "list")).stdout
    shown = json.loads((await run("quarantine", "show", lead_id)).stdout)
    assert shown["content"]["answers"] == {"budget": "small", "phone (as sent)": "12"}
    await run("quarantine", "release", lead_id, "--set", "phone=020 7946 0018")
    assert (await doors.only_submission())["content"]["fields"]["phone"] == "+442079460018"
    assert "no such submission" in (await run("quarantine", "show", lead_id, fails=True)).output


async def test_what_nobody_understood_is_an_open_lead_once_somebody_says_how_to_reach_them(
    doors: Doors, run: Run, intake: Intake
) -> None:
    made = (await run("endpoints", "add", "generic")).stdout.strip()
    answer = await doors.http.post(f"/hooks/{made}", content=b"\xff\xfe nonsense", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 200
    await run("quarantine", "release", str(answer.json()["lead_id"]), "--set", "email=grace@example.net")
    await intake.qualify()
    assert await intake.state(UUID(answer.json()["lead_id"])) == "open"


async def test_what_is_discarded_is_disqualified_and_still_counted(doors: Doors, run: Run) -> None:
    lead_id = await held_lead(doors, run)
    await run("quarantine", "discard", lead_id, "--reason", "a wrong number")
    found = await doors.only_submission()
    assert (found["state"], found["reason"]) == ("disqualified", "discarded: a wrong number")
    assert (await run("quarantine", "list")).stdout == ""


async def test_a_list_of_nothing_says_so_beside_it(run: Run) -> None:
    said = {
        "quarantine list": "Nothing is in quarantine.",
        "reviews list": "There is no open task.",
        "endpoints list": "There are no endpoints: endpoints add KIND makes one.",
        "campaigns list": "No campaign has a promise or costs.",
        "rescore status": "No new agreement was applied yet: nothing was scored again.",
    }
    for command, sentence in said.items():
        found = await run(*command.split())
        assert (found.stdout, found.stderr) == ("", f"{sentence}\n")


async def test_of_two_who_release_and_discard_at_once_one_is_told_no(doors: Doors, run: Run) -> None:
    lead_id = UUID(await held_lead(doors, run))

    async def one(releases: bool) -> bool:
        try:
            async with doors.database.transaction() as unit:
                await (release(unit, lead_id, {}, region="US") if releases else discard(unit, lead_id, "spam"))
        except NotInQuarantine:
            return False
        return True

    assert sorted(await asyncio.gather(one(True), one(False))) == [False, True]
