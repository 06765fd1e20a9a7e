"""python -m deploy.demo: start everything, tell the story, print it, stop everything. Exit 0 only if all was seen."""

import asyncio
import logging
import os
import shutil
import sys
import textwrap
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from deploy.demo.story import ADA, Story
from deploy.local.errors import LocalError
from deploy.local.ports import Ports
from deploy.local.postgres import remove_data
from deploy.local.processes import end_leftovers
from deploy.local.system import NOTHING_OF_YOURS, System
from shared import events
from shared.settings import ROOT

BOLD, DIM, GREEN, OFF = ("\033[1m", "\033[2m", "\033[32m", "\033[0m") if sys.stdout.isatty() else ("", "", "", "")


def main() -> int:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        return asyncio.run(_demo())
    except LocalError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


async def _demo() -> int:
    started = time.monotonic()
    folder = Path(os.environ.get("LOCAL_DIR") or ROOT / ".local") / "demo"
    old = _set_aside(folder)
    print("Starting Apache Kafka, Postgres, a mail sink and the three services ...", flush=True)
    agreement = str(ROOT / "deploy" / "demo" / "agreement.toml")
    small = {"AGREEMENT_FILE": agreement, "HANDOFF_SEED_OWNER": "false", "TOPIC_PARTITIONS": "3"}
    async with System(folder, Ports.free(), environment=NOTHING_OF_YOURS | small) as system:
        print(f"{DIM}ready after {time.monotonic() - started:.1f} s{OFF}", flush=True)
        removing = asyncio.create_task(asyncio.to_thread(_remove, old))  # while the story leaves the machine time for it
        story = Story(system)
        await story.tell()
        _print_answers(story)
        for name, lead_id in story.leads.items():
            if name != "(spam)":
                _print_journey(name, await story.journey(lead_id), story.reps)
        await _print_mails(story)
        balanced = await _print_ledger(story)
        _print_topics(story)
        await story.http.aclose()
    await removing
    if not balanced:
        raise LocalError("The ledger does not balance.")
    print(f"\n{GREEN}Every step was seen on Kafka and in the databases.{OFF} {time.monotonic() - started:.1f} s in all.")
    return 0


def _set_aside(folder: Path) -> Path:
    """The demo begins with nothing; what an earlier one left goes when there is time."""
    end_leftovers(folder)
    old = folder.with_name("demo-before")
    _remove(old)
    if folder.exists():
        folder.rename(old)
    return old


def _remove(folder: Path) -> None:
    remove_data(folder / "postgres")
    shutil.rmtree(folder, ignore_errors=True)


def _print_answers(story: Story) -> None:
    print(f"\n{BOLD}Nine posts and what they were answered{OFF}")
    for what, answer in story.answers:
        print(f"  {what:34} {answer}")


def _print_journey(name: str, lead: dict[str, Any], reps: dict[str, str]) -> None:
    steps = lead["journey"]
    if not steps:
        return
    start = datetime.fromisoformat(steps[0]["data"].get("received_at") or steps[0]["at"])
    print(f"\n{BOLD}{name}{OFF}  {DIM}lead {lead['lead_id']}{OFF}")
    for step in steps:
        seconds = (datetime.fromisoformat(step["at"]) - start).total_seconds()
        kind = step["type"].removeprefix(events.PREFIX).removesuffix(events.VERSION)
        print(f"  {seconds * 1000:7.0f} ms  {step['unit']:10} {kind:22} {_detail(step['data'], reps)}")
    if lead["decision"]:
        print(f"  {DIM}why: {lead['decision']['sentence']}{OFF}")


def _detail(data: dict[str, Any], reps: dict[str, str]) -> str:
    parts = [reps.get(str(data.get("rep_id")), "")]
    parts += [f"{name} {data[name]}" for name in ("tier", "score", "reason", "step", "amount", "currency") if data.get(name)]
    parts += ["(implied)"] if data.get("implied") else []
    return ", ".join(part for part in parts if part)


async def _print_mails(story: Story) -> None:
    print(f"\n{BOLD}Mails sent{OFF}")
    for mail in await story.mails():
        print(f"  to {mail['to']:36} {mail['subject']}")
    thanks = next(mail for mail in await story.mails() if ADA["email"] in mail["to"])
    print(f"\n{BOLD}The thank-you, as Ada reads it{OFF}\n{textwrap.indent(await story.text_of(thanks), '  ')}")
    client = next(event for event in story.records if isinstance(event, events.ClientCreated))
    print(f"\n{BOLD}What this client will hear from us{OFF}")
    for touch in await story.calendar(str(client.client_id)):
        print(f"  {touch['due_at'][:16].replace('T', ' ')}  {touch['step']:12} {touch['state']}")


async def _print_ledger(story: Story) -> bool:
    ledger = await story.ledger()
    states = ("waiting", "open", "closed", "merged", "quarantined", "disqualified", "erased")
    equation = " + ".join(f"{ledger[state]} {state}" for state in states)
    print(f"\n{BOLD}The ledger: no raised hand is lost{OFF}\n  {ledger['received']} received = {equation}")
    seen = [ledger[name] for name in ("received", "waiting", "quarantined", "disqualified")]
    return bool(seen == [7, 0, 1, 1] and ledger["received"] == sum(ledger[s] for s in states))


def _print_topics(story: Story) -> None:
    print(f"\n{BOLD}On Kafka{OFF}")
    for topic in (events.INTAKE, events.HANDOFF, events.FOLLOWUP):
        count = sum(topic in type(event).TOPICS[:1] for event in story.records)
        print(f"  {topic:26} {count:3} events")
    print(f"  {DIM}read them while `make up` runs: kcat -b 127.0.0.1:9092 -C -t {events.INTAKE} -f '%h\\n%s\\n\\n'{OFF}")


if __name__ == "__main__":
    sys.exit(main())
