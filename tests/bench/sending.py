"""Mails a second over a relay that takes 20 ms, and what a claim costs with ten million planned touches."""

import asyncio
import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import uvloop

from deploy.local.ports import free_ports
from deploy.local.postgres import Postgres, remove_data
from services.followup import store
from services.followup.adapters.plan_files import PlanText, read_plan
from services.followup.adapters.rendering import shipped_templates
from services.followup.adapters.smtp import Mail, Smtp
from services.followup.main import MIGRATIONS, sending
from services.followup.settings import PLAN, Settings
from services.followup.use_cases.plan_book import PlanBook, publish
from shared.database import Database
from shared.settings import ROOT

DELAY = 0.02
# (what takes 20 ms, connections, processes, goal a second)
RATES = (
    ("reply", 64, 1, 1_100),
    ("reply", 256, 1, 3_000),
    ("message", 64, os.cpu_count() or 1, 2_400),
    ("message", 256, os.cpu_count() or 1, 5_000),
)
MAILS = int(os.environ.get("SENDING_MAILS", "20000"))
SIZES = tuple(int(size) for size in os.environ.get("SENDING_TOUCHES", "1000000,10000000").split(","))
FILL = """
WITH people AS (
  INSERT INTO client (id, first_lead_id, household_id, contact, prospect, erased, created_at)
  SELECT id, id, id, jsonb_build_object('first_name', 'Ada', 'last_name', 'Case', 'email', id || '@example.net'), FALSE, FALSE,
    now() FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, $1)) AS made RETURNING id),
plans AS (
  INSERT INTO enrolment (id, client_id, lead_id, plan, plan_version, subject, cycle, anchors, state, enrolled_at, basis)
  SELECT gen_random_uuid(), id, id, 'after-unit', 1, id::text, 0, '{"day": "2026-11-25", "trade": "plumbing"}', 'completed',
    now(), '' FROM people RETURNING id, client_id)
INSERT INTO touch (id, enrolment_id, client_id, lead_id, plan, plan_version, step, cycle, channel, purpose, priority,
  local_date, local_time, zone, tzdata, due_at, expires_at, notes, state, attempt, fence)
SELECT gen_random_uuid(), id, client_id, client_id, 'after-unit', 1, 'thank_you', n, 'email', 'service', 0, current_date, '10:00',
  'UTC', '', $2::timestamptz + random() * $3::interval, $2::timestamptz + interval '2 years', '[]', 'planned', 0, 0
FROM plans, generate_series(1, $4) AS n"""


async def run() -> None:
    with tempfile.TemporaryDirectory(prefix="bench-sending-") as place:
        server = Postgres(Path(place) / "postgres", free_ports(1)[0])
        await server.start()
        try:
            url = await server.ensure_database("followup")
            await asyncio.to_thread(MIGRATIONS.upgrade, url)
            database = Database(url, name="bench", size=4)
            await database.open()
            text = PLAN.read_text()
            async with database.transaction() as unit:
                await publish(unit, PlanText(read_plan(text), text, shipped_templates()), datetime.now(UTC))
            print(f"\nMails a second, {MAILS} mails, a relay that takes 20 ms for every; and of the bare pool without a database")
            for case in RATES:
                await _rate(database, url, *case)
            print("\nOne claim, ms: median (slowest)")
            await _claims(database)
            await database.close()
        finally:
            await server.stop()
            remove_data(Path(place) / "postgres")


async def fill(database: Database, clients: int, first_due: datetime, within: timedelta, *, each: int = 1) -> None:
    async with database.transaction() as unit:
        await unit.connection.execute(FILL, clients, first_due, within, each, timeout=3600)


async def _rate(database: Database, url: str, what: str, connections: int, processes: int, goal: int) -> None:
    port = free_ports(1)[0]
    async with database.transaction() as unit:
        await unit.execute("TRUNCATE touch, enrolment, client, sent, attempt, outbox")
    await fill(database, MAILS, datetime.now(UTC) - timedelta(hours=1), timedelta(minutes=1))
    async with database.reading() as unit:
        await unit.execute("ANALYZE")
    sink = await _sink_on(port, what)
    senders = [await _start("sender", url, str(port), str(connections // processes)) for _ in range(processes)]
    megabytes = 0.0
    try:
        while True:
            await asyncio.sleep(0.5)
            megabytes = max(megabytes, *(psutil.Process(one.pid).memory_info().rss / 1e6 for one in senders))
            async with database.reading() as unit:
                row = await unit.row("SELECT count(*) AS n, extract(epoch FROM max(at) - min(at))::float8 AS seconds FROM sent")
            if row["n"] >= MAILS:
                break
    finally:
        for one in (*senders, sink):
            one.kill()
            await one.wait()
    rate, ceiling = row["n"] / row["seconds"], await _ceiling(what, connections, processes)
    print(
        f"  {what:8} {connections:4} connections, {processes} process(es)  {rate:7.0f} (goal {goal})  {megabytes:4.0f} MB (150)"
        f"  {rate / ceiling:.2f} of {ceiling:.0f}"
    )


async def _ceiling(what: str, connections: int, processes: int) -> float:
    """The same mail over and over through the same pool to the same relay: no touch, no gate, no journal."""
    port = free_ports(1)[0]
    sink = await _sink_on(port, what)
    arguments = (str(port), str(connections // processes), str(MAILS // processes))
    senders = [await _start("bare", *arguments, stdout=asyncio.subprocess.PIPE) for _ in range(processes)]
    told = [(await one.communicate())[0] for one in senders]
    sink.kill()
    await sink.wait()
    return sum(map(float, told))


async def _sink_on(port: int, what: str) -> asyncio.subprocess.Process:
    sink = await _start("sink", str(port), what)
    for _ in range(100):
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return sink
        await asyncio.sleep(0.1)
    raise AssertionError("the sink does not listen")


async def _start(*arguments: str, stdout: int | None = None) -> asyncio.subprocess.Process:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = (sys.executable, "-m", "tests.bench.sending", *arguments)
    return await asyncio.create_subprocess_exec(*command, env=environment, stdout=stdout)


async def _claims(database: Database) -> None:
    async with database.transaction() as unit:
        await unit.execute("TRUNCATE touch, enrolment, client, sent, attempt, outbox")
    medians = []
    for size in SIZES:
        async with database.reading() as unit:
            have = await unit.value("SELECT count(*) FROM touch")
        while have < size:
            step = min(size - have, 1_000_000)
            await fill(database, step // 100, datetime.now(UTC) + timedelta(days=2), timedelta(days=700), each=100)
            have += step
        async with database.reading() as unit:
            await unit.execute("VACUUM ANALYZE touch")
        idle = await _time(database, [0] * 50)
        await fill(database, 10_000, datetime.now(UTC) - timedelta(hours=1), timedelta(minutes=30))
        async with database.reading() as unit:
            await unit.execute("ANALYZE touch")
        busy = await _time(database, [500] * 18)
        medians.append(statistics.median(busy))
        print(f"  {size:>10} planned: idle {_ms(idle)} (goal 5), 500 due {_ms(busy)}")
        async with database.transaction() as unit:
            await unit.execute("DELETE FROM touch WHERE state = 'sent'")
    print(f"  largest / smallest: {medians[-1] / medians[0]:.2f} (goal 1.5)")
    await fill(database, 100_000, datetime.now(UTC) - timedelta(days=1), timedelta(hours=20))  # and no ANALYZE after it
    print(f"  100000 overdue, stale statistics: {_ms(await _time(database, [500] * 30))} (goal 20)")


async def _time(database: Database, limits: Sequence[int]) -> list[float]:
    """Claims as the service makes them; 0: nothing is due, the claim finds that out."""
    found = []
    for limit in limits:
        now = datetime.now(UTC)
        began = time.perf_counter()
        async with database.transaction() as unit:
            rows = await store.sending.claim_due(unit, now, ["email"], limit=limit or 500, lease=timedelta(minutes=2))
        found.append((time.perf_counter() - began) * 1000)
        async with database.transaction() as unit:  # and out of the way, as a sender has them before it claims more
            await store.sending.intend(unit, [(row["id"], row["fence"], "<1>") for row in rows], now, now + timedelta(minutes=2))
            await store.sending.settle(unit, [(row["id"], row["fence"], "sent", None) for row in rows], now)
    return found


def _ms(times: Sequence[float]) -> str:
    return f"{statistics.median(times):.1f} ({max(times):.1f})"


class Sink(asyncio.Protocol):
    """Takes every mail. `reply`: every answer comes after 20 ms; `message`: only the one to the final dot."""

    def __init__(self, what: str) -> None:
        self._envelope = DELAY if what == "reply" else 0.0
        self._buffer, self._in_data = bytearray(), False

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(b"220 ready\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._buffer:
            if self._in_data:
                end = self._buffer.find(b"\r\n.\r\n")
                if end < 0:
                    return
                del self._buffer[: end + 5]
                self._in_data = False
                self._later(DELAY, b"250 taken\r\n")
            else:
                end = self._buffer.rfind(b"\r\n")
                if end < 0:
                    return
                lines = bytes(self._buffer[:end]).split(b"\r\n")
                del self._buffer[: end + 2]
                self._in_data = lines[-1] == b"DATA"
                self._later(self._envelope, b"".join(_reply(line) for line in lines))

    def _later(self, seconds: float, answer: bytes) -> None:
        if seconds:
            asyncio.get_running_loop().call_later(seconds, self._transport.write, answer)
        else:
            self._transport.write(answer)


def _reply(line: bytes) -> bytes:
    if line.startswith(b"EHLO"):
        return b"250-hello\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
    return b"354 go on\r\n" if line == b"DATA" else b"250 ok\r\n"


async def _sink(port: int, what: str) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Sink(what), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


async def _sender(url: str, port: int, connections: int) -> None:
    """The service's own sending, wired as it is in production, without its doors."""
    database = Database(url, name="sender", size=6)
    await database.open()
    settings = Settings(smtp_url=f"smtp://127.0.0.1:{port}", send_connections=connections, database_url=url)
    smtp = Smtp(settings.smtp, size=connections, mails_per_connection=10_000)
    loop = sending(settings, database, b"bench", PlanBook(PLAN), smtp, _open)
    await loop.send()


async def _bare(port: int, connections: int, mails: int) -> None:
    """Prints mails a second."""
    smtp = Smtp(f"smtp://127.0.0.1:{port}", size=connections, mails_per_connection=10_000)
    content = b"Subject: x\r\n\r\n" + b"A line of some seventy characters, as there are many of them in a mail.\r\n" * 100
    mail = Mail("us@example.com", "them@example.net", content)
    began, left = time.perf_counter(), iter(range(mails))

    async def worker() -> None:
        for _ in left:
            assert (await smtp.send(mail)).result == "sent"

    await asyncio.gather(*(worker() for _ in range(connections)))
    print(mails / (time.perf_counter() - began))


async def _open() -> bool:
    return True


if __name__ == "__main__":
    role, *rest = sys.argv[1:]
    if role == "sink":
        uvloop.run(_sink(int(rest[0]), rest[1]))
    elif role == "bare":
        uvloop.run(_bare(*map(int, rest)))
    else:
        uvloop.run(_sender(rest[0], int(rest[1]), int(rest[2])))
