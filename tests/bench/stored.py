"""A million leads stored: CPU per lead before and after, answers, and the memory of each process."""

import asyncio
import os
import time

import asyncpg

from deploy.local.system import SERVICES, System
from tests.bench.load import Steady, percentile
from tests.bench.machine import by_part, megabytes

LEADS, RATE, SECONDS = int(os.environ.get("STORED_LEADS", "1000000")), 200, 10
# Each table, the row to multiply (of one real lead), and what is different in each copy.
INTAKE = {
    "person": ("id = $1", "'id', md5('person' || n)::uuid"),
    "person_key": ("person_id = $1", "'person_id', md5('person' || n)::uuid, 'value', (s.t).value || n"),
    "submission": ("id = $2", "'id', md5('lead' || n)::uuid"),
    "receipt": ("lead_id = $2", "'lead_id', md5('lead' || n)::uuid, 'key', sha256(n::text::bytea)"),
    "lead": ("id = $2", "'id', md5('lead' || n)::uuid, 'person_id', md5('person' || n)::uuid"),
    "score_entry": ("lead_id = $2", "'lead_id', md5('lead' || n)::uuid"),
}
HANDOFF = {
    "lead": ("id = $2", "'id', md5('lead' || n)::uuid, 'person_id', md5('person' || n)::uuid, 'state', 'lost'"),
    "assignment": ("lead_id = $2", "'id', md5('offer' || n)::uuid, 'lead_id', md5('lead' || n)::uuid, 'state', 'closed'"),
    "fact": ("lead_id = $2", "'event_id', (s.t).event_id || n, 'lead_id', md5('lead' || n)::uuid"),
}


async def run(system: System) -> None:
    print(f"\nPer lead at {RATE}/s, with few and with {LEADS} leads stored: CPU ms of each part, answers p50 / p99 ms, memory MB")
    await Steady(system.ports.intake).run(RATE, 3)
    await asyncio.sleep(2)
    await _measure(system, "few")
    began = time.perf_counter()
    lead = await _one_lead(system)
    await asyncio.gather(_fill(system, "intake", INTAKE, lead), _fill(system, "handoff", HANDOFF, lead))
    print(f"  (filled in {time.perf_counter() - began:.0f} s)")
    await Steady(system.ports.intake).run(RATE, 3)
    await _measure(system, f"{LEADS}")


async def _measure(system: System, stored: str) -> None:
    steady, before = Steady(system.ports.intake), by_part(system)
    count = await steady.run(RATE, SECONDS)
    await asyncio.sleep(1.5)
    spent = {name: (seconds - before[name]) / count * 1000 for name, seconds in by_part(system).items()}
    parts = ", ".join(f"{name} {value:.2f}" for name, value in spent.items())
    answers = f"{percentile(steady.took, 0.5) * 1000:.1f} / {percentile(steady.took, 0.99) * 1000:.1f}"
    sizes = ", ".join(f"{name} {megabytes(system.parts[name].pid):.0f}" for name in SERVICES)
    print(f"  {stored:>8} {sum(spent.values()):5.2f} ms ({parts})   answers {answers}   {sizes}")


async def _one_lead(system: System) -> tuple[object, object]:
    """A person and a lead that went all the way."""
    connection = await asyncpg.connect(system.postgres.url("handoff"))
    row = await connection.fetchrow("SELECT person_id, id FROM lead WHERE state = 'offered' LIMIT 1")
    await connection.close()
    return row["person_id"], row["id"]


async def _fill(system: System, service: str, tables: dict[str, tuple[str, str]], lead: tuple[object, object]) -> None:
    connection = await asyncpg.connect(system.postgres.url(service))
    for table, (which, different) in tables.items():
        one = which.replace("$1", f"'{lead[0]}'").replace("$2", f"'{lead[1]}'")
        await connection.execute(
            f"INSERT INTO {table} OVERRIDING USER VALUE SELECT r.* FROM (SELECT t FROM {table} t WHERE {one} LIMIT 1) s, "
            f"generate_series(1, {LEADS}) n, LATERAL jsonb_populate_record(s.t, jsonb_build_object({different})) r",
            timeout=600,
        )
    await connection.execute("ANALYZE", timeout=600)
    await connection.close()
