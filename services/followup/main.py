"""Composition root: everything followup is made of, put together on one page."""

from datetime import timedelta
from pathlib import Path

from services.followup import api, consumer, pages
from services.followup.adapters.calendar_data import quiet_hours
from services.followup.adapters.smtp import Smtp
from services.followup.models import FollowupTable
from services.followup.scheduler.planning import PlanningTurn
from services.followup.scheduler.sending import Scheduler
from services.followup.settings import Settings
from services.followup.use_cases.clients import Clients
from services.followup.use_cases.consent import Addresses
from services.followup.use_cases.enrol import Enroller
from services.followup.use_cases.pauses import Pauses
from services.followup.use_cases.plan_book import PlanBook
from services.followup.use_cases.planning import Planner
from services.followup.use_cases.send import Sender
from shared.consumer import Consumer
from shared.migrations import Migrations
from shared.security import Signer, load_secret
from shared.service import Service

MIGRATIONS = Migrations(Path(__file__).parent / "migrations", FollowupTable.metadata)
DESCRIPTION = "Stays in touch with the client who chose us: plans and sends touches, honours every opt-out."


def build(settings: Settings) -> Service:
    service = Service(settings, MIGRATIONS, title="Lead Handoff: followup", description=DESCRIPTION)
    secret = load_secret(settings.secret_key_file, settings.local_dir / "secret-key")
    addresses, signer, book = Addresses(secret), Signer(secret, purpose="u"), PlanBook(settings.plan_file)
    planner = Planner(book, addresses, quiet_hours())
    pauses = Pauses(planner)
    sender = Sender(
        service.database,
        book,
        addresses,
        signer,
        settings.base_url,
        timedelta(seconds=settings.lease_seconds),
        Smtp(settings.smtp).send,
    )
    scheduler = Scheduler(settings, service.database, sender)
    service.consumer = Consumer(
        settings,
        service.database,
        group=consumer.GROUP,
        topics=consumer.TOPICS,
        handlers=consumer.handlers(Clients(Enroller(planner), pauses, addresses)),
    )
    service.background = {
        "send": scheduler.send,
        "recover": scheduler.recover,
        "plan": PlanningTurn(service.database, planner, pauses).run,
    }

    api.add_routes(service.app, settings, service.database)
    pages.add_routes(service.app, service.database, signer, addresses)
    return service
