"""A child process in its own process group, with a log file and a pid file by which the next start finds leftovers."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from deploy.local.errors import LocalError


class Process:
    """One part of the system. Signals go to its group, so that its own children end with it."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        run_dir: Path,
        environment: Mapping[str, str] | None = None,
        user: int | None = None,
        directory: Path | str = "/",
        yields: int = 0,
    ) -> None:
        self.name, self._command, self._environment = name, [str(part) for part in command], environment
        self._user, self._directory, self._yields = user, str(directory), yields
        self.log, self._pid_file = run_dir / f"{name}.log", run_dir / f"{name}.pid"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._child is not None  # noqa: S101
        return self._child.pid

    @property
    def is_running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        self.end_leftover()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        identity: dict[str, Any] = {}
        if self._user is not None:
            identity = {"user": self._user, "group": self._user, "extra_groups": []}
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                cwd=self._directory,
                start_new_session=True,
                **identity,
            )
        with contextlib.suppress(psutil.NoSuchProcess):
            if self._yields:
                started = psutil.Process(self.pid)
                started.nice(min(19, started.nice() + self._yields))
            self._pid_file.write_text(f"{self.pid} {psutil.Process(self.pid).create_time()}")

    def end_leftover(self) -> None:
        if not self.is_running:
            _end_leftover(self._pid_file)

    async def stop(self, *, grace: float = 30, with_signal: int = signal.SIGTERM) -> int:
        """Ask it to stop, wait, and kill it if it does not. Returns its exit code."""
        if self._child is None:
            return 0
        if self.is_running:
            _signal_group(self.pid, with_signal)
            try:
                await asyncio.to_thread(self._child.wait, grace)
            except subprocess.TimeoutExpired:
                _signal_group(self.pid, signal.SIGKILL)
        code = await asyncio.to_thread(self._child.wait)
        self._pid_file.unlink(missing_ok=True)
        return code

    async def kill(self) -> None:
        """kill -9 of the whole group."""
        if self._child is not None:
            _signal_group(self.pid, signal.SIGKILL)
            await asyncio.to_thread(self._child.wait)

    def pause(self) -> None:
        _signal_group(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        _signal_group(self.pid, signal.SIGCONT)

    def tail(self, lines: int = 12) -> str:
        with contextlib.suppress(FileNotFoundError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""

    def must_run(self) -> None:
        """Raises LocalError with its last words."""
        if not self.is_running:
            again = "Start it again: whatever was acknowledged is kept."
            raise LocalError(f"{self.name} stopped by itself. {again} Its last lines, from {self.log}:\n{self.tail()}")


def end_leftovers(local_dir: Path) -> None:
    """End whatever a start that was killed left behind in a LOCAL_DIR."""
    for place in ("run", "kafka", "postgres"):
        for pid_file in (local_dir / place).glob("*.pid"):
            _end_leftover(pid_file)


def _end_leftover(pid_file: Path) -> None:
    """Recognised by number and time of birth."""
    try:
        pid, born = pid_file.read_text().split()
        leftover = psutil.Process(int(pid))
        if abs(leftover.create_time() - float(born)) < 0.1:
            _signal_group(leftover.pid, signal.SIGKILL)
            leftover.wait(10)
    except (FileNotFoundError, ValueError, psutil.Error):
        pass
    pid_file.unlink(missing_ok=True)


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
