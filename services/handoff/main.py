"""Composition root: everything handoff is made of, put together on one page."""

from datetime import UTC, datetime
from pathlib import Path

from services.handoff import api, consumer, pages
from services.handoff.adapters.links import Links
from services.handoff.adapters.smtp import Smtp
from services.handoff.models import HandoffTable
from services.handoff.scheduler import Scheduler
from services.handoff.settings import Settings
from services.handoff.use_cases.agreements import seed
from services.handoff.use_cases.facts import note_received
from shared.consumer import Consumer
from shared.migrations import Migrations
from shared.service import Service
from shared.signing import load_secret

MIGRATIONS = Migrations(Path(__file__).parent / "migrations", HandoffTable.metadata)
DESCRIPTION = "Routes each qualified lead to a rep, watches the clock, and records what became of it."


def build(settings: Settings) -> Service:
    service = Service(settings, MIGRATIONS, title="Lead Handoff: handoff", description=DESCRIPTION)

    shipped = settings.agreement_file.read_text(encoding="utf-8-sig")

    async def start() -> None:
        async with service.database.transaction() as unit:
            await seed(unit, shipped, with_owner=settings.embedded and settings.seed_owner, now=datetime.now(UTC))

    secret = load_secret(settings.secret_key_file, settings.local_dir / "secret-key")
    links = Links(settings.base_url, secret)
    scheduler = Scheduler(service.database, links, Smtp(settings.smtp) if settings.smtp else None)
    service.on_start.append(start)
    service.consumer = Consumer(
        settings,
        service.database,
        group=consumer.GROUP,
        topics=consumer.TOPICS,
        handlers=consumer.HANDLERS,
        observe=note_received,
    )
    service.background = {"timers": scheduler.timers, "board": scheduler.board, "mails": scheduler.mails, "tidy": scheduler.tidy}
    api.add_routes(service.app, settings, service.database)
    pages.add_routes(service.app, service.database, links)
    return service
