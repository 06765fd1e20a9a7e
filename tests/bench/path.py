"""Submit to assignment.offered as a reader of the topic sees it, and CPU per lead over all processes."""

import asyncio
import time
from pathlib import Path

from aiokafka import AIOKafkaConsumer

from deploy.local.system import System
from shared.events import HANDOFF
from shared.settings import ROOT
from tests.bench.load import Steady, percentile
from tests.bench.machine import by_part

RATES = (20, 100, 200, 400)
WARM_UP, SECONDS = 3, 10
REPS, AREAS = 400, 60
OFFERED = ("ce_type", b"leadhandoff.assignment.offered.v1")


async def run(system: System) -> None:
    print("\nSubmit to offered, everything on this machine: p50 / p99 ms, CPU ms per lead (goal at 200/s: 40 / 100, 6)")
    consumer = AIOKafkaConsumer(HANDOFF, bootstrap_servers=system.kafka.address, auto_offset_reset="latest")
    await consumer.start()
    await consumer.seek_to_end()
    seen_at: dict[str, float] = {}

    async def read() -> None:
        async for record in consumer:
            if OFFERED in record.headers:
                seen_at.setdefault(record.key.decode(), time.perf_counter())

    reader = asyncio.create_task(read())
    await _rates(system, seen_at, RATES)
    await _franchise(system)
    print(f"  and with {REPS} reps in {AREAS} territories, two rules each, hours, skills and limits:")
    await _rates(system, seen_at, (200,))
    reader.cancel()
    await consumer.stop()


async def _franchise(system: System) -> None:
    """The rules of a company of many territories, in force."""
    areas = range(AREAS)
    territories = "[territories]\n" + "".join(f'a{area} = ["{43000 + area}"]\n' for area in areas)
    pools = "".join(f'[pools.p{area}]\nsticky = true\noverflow = "team"\n' for area in areas)
    rule = '[[rules]]\nname = "{0} in {1}"\npool = "p{1}"\nterritory = "a{1}"\n{2}\n'
    night = 'selection = ["emergency"]\nskills = ["emergency"]'
    rules = "".join(rule.format("emergency", area, night) + rule.format("all", area, "") for area in areas)
    before, after = (ROOT / "deploy" / "agreement.toml").read_text().split("[[rules]]", 1)
    folder = Path(system.local_dir)
    (folder / "franchise.toml").write_text(f"{before}{territories}{pools}{rules}[[rules]]{after}")
    reps = (
        f"Rep {n},f{n}@x.example,p{n % AREAS},mon-sun 00:00-24:00,{'emergency;gas' if n % 3 else ''},100000,100000"
        for n in range(REPS)
    )
    (folder / "franchise.csv").write_text("name,email,pool,hours,skills,max_open,max_per_day\n" + "\n".join(reps))
    signed = ("--signed-by", "marketing=Ada", "--signed-by", "sales=Sam")
    await system.run("-m", "services.handoff", "agreement", "apply", str(folder / "franchise.toml"), *signed)
    await system.run("-m", "services.handoff", "reps", "import", str(folder / "franchise.csv"))


async def _rates(system: System, seen_at: dict[str, float], rates: tuple[int, ...]) -> None:
    for rate in rates:
        await Steady(system.ports.intake).run(rate, WARM_UP)
        await asyncio.sleep(1.5)
        steady, before = Steady(system.ports.intake), by_part(system)
        count = await steady.run(rate, SECONDS)
        await asyncio.sleep(1.5)
        spent = {name: (seconds - before[name]) / count * 1000 for name, seconds in by_part(system).items()}
        took = [seen_at[lead] - sent for lead, sent in steady.sent_at.items() if lead in seen_at]
        figures = f"{percentile(took, 0.5) * 1000:6.0f} / {percentile(took, 0.99) * 1000:4.0f} ms"
        parts = ", ".join(f"{name} {value:.2f}" for name, value in spent.items())
        print(f"  {rate:4}/s  {figures}   {sum(spent.values()):5.2f} ms ({parts})   {count - len(took)} not seen")
