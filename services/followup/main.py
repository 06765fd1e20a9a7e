"""Composition root: everything followup is made of, put together on one page."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from services.followup import api, consumer, pages
from services.followup.adapters.calendar_data import quiet_hours
from services.followup.adapters.dkim import Dkim
from services.followup.adapters.imap import Mailbox
from services.followup.adapters.sms import Sms
from services.followup.adapters.smtp import Smtp
from services.followup.adapters.verp import Verp
from services.followup.adapters.witnesses import CallsBack, JournalWitness, SafeToRepeat
from services.followup.api.inbound import inbound_routes
from services.followup.domain.sending import read_limits
from services.followup.models import FollowupTable
from services.followup.scheduler.fence import Fence
from services.followup.scheduler.inbox import InboxTurn, NoticeTurn
from services.followup.scheduler.planning import PlanningTurn
from services.followup.scheduler.recovery import Recovery
from services.followup.scheduler.sending import Channel, SendingLoop, Witness
from services.followup.settings import Settings
from services.followup.use_cases.clients import Clients
from services.followup.use_cases.consent import Addresses
from services.followup.use_cases.conversations import Conversations
from services.followup.use_cases.enrol import Enroller
from services.followup.use_cases.inbound import Inbound
from services.followup.use_cases.merge import Merges
from services.followup.use_cases.pauses import Pauses
from services.followup.use_cases.plan_book import PlanBook
from services.followup.use_cases.planning import Planner
from services.followup.use_cases.sending.compose import Composer
from services.followup.use_cases.sending.intend import Intender
from services.followup.use_cases.sending.record import Recorder
from services.followup.use_cases.sending.restraints import Restraints
from services.followup.use_cases.texts import Texts
from shared.consumer import Consumer
from shared.database import Database
from shared.migrations import Migrations
from shared.security import KeyRing
from shared.service import Service
from shared.signing import Signer, load_secret

MIGRATIONS = Migrations(Path(__file__).parent / "migrations", FollowupTable.metadata)
MIB = 1024 * 1024
DESCRIPTION = "Stays in touch with the client who chose us: plans and sends touches, honours every opt-out."


def build(settings: Settings) -> Service:
    service = Service(settings, MIGRATIONS, title="Lead Handoff: followup", description=DESCRIPTION)
    secret = load_secret(settings.secret_key_file, settings.local_dir / "secret-key")
    addresses, signer, book = Addresses(secret), Signer(secret, purpose="u"), PlanBook(settings.plan_file)
    planner = Planner(book, addresses, quiet_hours())
    pauses = Pauses(planner)
    smtp = Smtp(
        settings.smtp,
        size=settings.send_connections,
        local_name=settings.smtp_name,
        mails_per_connection=settings.smtp_mails_per_connection,
        data_timeout=settings.smtp_timeout_seconds,
    )
    fence = Fence(settings, service.database, addresses, consumer.GROUP, consumer.TOPICS)
    loop = sending(settings, service.database, secret, book, smtp, fence.may_send)
    conversations = Conversations(addresses, pauses)
    inbound = Inbound(addresses, Verp(secret, settings.inbox_address), signer, conversations, settings.journal_address)
    service.consumer = Consumer(
        settings,
        service.database,
        group=consumer.GROUP,
        topics=consumer.TOPICS,
        handlers=consumer.handlers(Clients(Enroller(pauses), pauses, addresses), Merges(pauses, addresses)),
        patient=True,
    )
    service.background = {
        "send": loop.send,
        "recover": Recovery(loop).run,
        "fence": fence.run,
        "notices": NoticeTurn(service.database, smtp).run,
        "plan": PlanningTurn(service.database, planner, pauses).run,
    }

    if settings.inbox_imap_url:
        service.background["inbox"] = InboxTurn(service.database, Mailbox(settings.inbox_imap_url), inbound).run
    keys = KeyRing(settings.api_key_file, service.database)
    texts = Texts(addresses, conversations)
    service.body_limits.update({"/inbound/mail": 10 * MIB, "/inbound/events": MIB})  # a photo; a batch: both need a key
    service.app.include_router(inbound_routes(settings, service.database, keys, inbound, texts))
    api.add_routes(service.app, settings, service.database, pauses)
    pages.add_routes(service.app, service.database, signer, addresses, pauses, texts=bool(settings.sms_url))
    return service


def sending(
    settings: Settings, database: Database, secret: bytes, book: PlanBook, smtp: Smtp, may_send: Callable[[], Awaitable[bool]]
) -> SendingLoop:
    """Everything between a due touch and the relay."""
    addresses, lease = Addresses(secret), timedelta(seconds=settings.lease_seconds)
    settle_delay = timedelta(seconds=settings.settle_seconds)
    channels: dict[str, Channel] = {"email": smtp}
    if settings.sms_url:
        channels["sms"] = Sms(settings.sms_url, settings.sms_sender, key_header=settings.sms_idempotency_header)
    key = settings.dkim_key_file
    composer = Composer(
        Signer(secret, purpose="u"),
        settings.base_url,
        Verp(secret, settings.inbox_address),
        Dkim(key, selector=settings.dkim_selector, domain=settings.dkim_domain) if key else None,
        settings.journal_address,
        settings.idempotency_header,
    )
    intender = Intender(book, addresses, composer, Restraints(quiet_hours().rules), lease)
    return SendingLoop(
        database,
        intender,
        Recorder(addresses, intender.breaker, settle_delay),
        channels=channels,
        witnesses=_witnesses(settings),
        limits=read_limits(settings.send_limits),
        may_send=may_send,
        lease=lease,
        settle_delay=settle_delay,
    )


def letter_writer(settings: Settings, lease: timedelta) -> Intender:
    """The gate and the pen of `letters print`."""
    secret = load_secret(settings.secret_key_file, settings.local_dir / "secret-key")
    composer = Composer(Signer(secret, purpose="u"), settings.base_url, Verp(secret, None))
    return Intender(PlanBook(settings.plan_file), Addresses(secret), composer, Restraints(quiet_hours().rules), lease)


def _witnesses(settings: Settings) -> dict[str, Witness]:
    """Who can say after a crash whether a message was taken."""
    found: dict[str, Witness] = {"sms": SafeToRepeat() if settings.sms_idempotency_header else CallsBack()}
    if settings.journal_address and settings.journal_imap_url:
        found["email"] = JournalWitness(Mailbox(settings.journal_imap_url))
    elif settings.idempotency_header:
        found["email"] = SafeToRepeat()
    return found
