"""The parts of one machine: downloads that are checked, ports that are taken, leftovers of a kill -9."""

import asyncio
import hashlib
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from deploy.local import jars
from deploy.local.errors import LocalError
from deploy.local.ports import free_ports, refuse_taken
from deploy.local.postgres import POINTER, Postgres, remove_data


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A Maven mirror with one file; `asked` counts the requests."""
    state: dict[str, Any] = {"asked": 0, "content": b"a jar"}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state["asked"] += 1
            self.send_response(200 if state["content"] else 404)
            self.end_headers()
            self.wfile.write(state["content"])

        def log_message(self, *arguments: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    lock = tmp_path / "kafka.lock"
    lock.write_text(f"{hashlib.sha256(b'a jar').hexdigest()}  org/x/1/x-1.jar\n")
    monkeypatch.setattr(jars, "LOCK", lock)
    monkeypatch.setenv("KAFKA_MAVEN_URL", f"http://127.0.0.1:{server.server_port}")
    yield state
    server.shutdown()
    server.server_close()


def test_a_second_start_does_not_touch_the_network(mirror: dict[str, Any], tmp_path: Path) -> None:
    folder = jars.ensure_jars(tmp_path)
    assert (folder / "x-1.jar").read_bytes() == b"a jar"
    jars.ensure_jars(tmp_path)
    assert mirror["asked"] == 1


def test_a_file_that_is_not_the_one_we_know_is_refused(mirror: dict[str, Any], tmp_path: Path) -> None:
    mirror["content"] = b"another jar"
    with pytest.raises(LocalError, match="not the file we know"):
        jars.ensure_jars(tmp_path)


def test_a_missing_download_says_what_to_do(mirror: dict[str, Any], tmp_path: Path) -> None:
    mirror["content"] = b""
    with pytest.raises(LocalError, match="KAFKA_MAVEN_URL"):
        jars.ensure_jars(tmp_path)


async def test_a_taken_port_says_which_setting_to_change() -> None:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(LocalError, match=f"Port {port} for Kafka is taken: stop what uses it, or set KAFKA_PORT"):
        refuse_taken(port, "Kafka", "KAFKA_PORT")
    server.close()
    await server.wait_closed()


async def test_postgres_keeps_what_it_committed_through_kill_nine_and_ends_its_leftovers(tmp_path: Path) -> None:
    first = Postgres(tmp_path, free_ports(1)[0])
    try:
        await first.start()
        connection = await asyncpg.connect(await first.ensure_database("one"))
        await connection.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")
        await connection.close()
        await first.kill()
        await first.start()
        left_running = first  # as after a kill -9 of whoever started it
        second = Postgres(tmp_path, left_running.port)
        await second.start()
        connection = await asyncpg.connect(second.url("one"))
        assert await connection.fetchval("SELECT n FROM kept") == 1
        await connection.close()
        await second.stop()
        await first.process.stop()
    finally:
        remove_data(tmp_path)


async def test_a_folder_that_was_removed_and_made_again_begins_anew(tmp_path: Path) -> None:
    directory = tmp_path / "postgres"
    folders = []
    for _ in range(2):
        server = Postgres(directory, free_ports(1)[0])
        try:
            await server.start()
            connection = await asyncpg.connect(await server.ensure_database("one"))
            await connection.execute("CREATE TABLE new_here (n int)")
            await connection.close()
        finally:
            await server.stop()
        if (directory / POINTER).exists():  # root's data are elsewhere
            folders.append((directory / POINTER).read_text().strip())
        shutil.rmtree(directory)  # as somebody does who removes a clone
    for folder in folders:
        shutil.rmtree(folder)


async def test_a_lost_password_says_what_to_do(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "postgres", free_ports(1)[0])
    try:
        await server.start()
        await server.stop()
        (tmp_path / "postgres" / "postgres.password").unlink()
        with pytest.raises(LocalError, match="put the old file back, or begin anew with make clean"):
            await server.start()
    finally:
        await server.stop()
        remove_data(tmp_path / "postgres")
