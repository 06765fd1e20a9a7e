"""The demo as a stranger sees it: it tells the whole story, leaves nothing behind, and begins anew whatever happened before."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil

from deploy.local.postgres import remove_data
from shared.settings import ROOT


async def test_the_demo_tells_its_story_also_after_one_that_was_killed(tmp_path: Path) -> None:
    try:
        killed = await start(tmp_path)
        await asyncio.sleep(3)  # somewhere on its way
        os.kill(killed.pid, signal.SIGKILL)
        await killed.wait()
        whole = await start(tmp_path)
        said = (await asyncio.wait_for(whole.communicate(), 120))[0].decode()
        assert whole.returncode == 0, said[-2000:]
        assert "Every step was seen on Kafka and in the databases." in said
        assert "This isn't a valid phone number." in said
        for topic in ("intake.leads.v1", "handoff.assignments.v1", "followup.touches.v1"):
            assert topic in said
        assert running(tmp_path) == []
    finally:
        for place in ("demo", "demo-before"):
            remove_data(tmp_path / place / "postgres")


async def start(folder: Path) -> asyncio.subprocess.Process:
    environment = {**os.environ, "LOCAL_DIR": str(folder), "PYTHONPATH": str(ROOT)}
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "deploy.demo", env=environment, cwd=ROOT, stdout=pipe, stderr=asyncio.subprocess.STDOUT
    )


def running(folder: Path) -> list[str]:
    """What still runs with this folder for its state."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("LOCAL_DIR", "").startswith(str(folder)) or str(folder) in " ".join(process.cmdline()):
                found.append(process.name())
        except psutil.Error:
            continue
    return found
