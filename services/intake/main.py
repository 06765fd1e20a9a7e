"""Composition root: everything intake is made of, put together on one page."""

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from services.intake import api, consumer, pages
from services.intake.adapters.captcha import SiteVerify
from services.intake.adapters.graph_api import GraphApi
from services.intake.api import hooks
from services.intake.domain.rate_limits import Buckets
from services.intake.domain.submissions import Submission
from services.intake.models import IntakeTable
from services.intake.pages.form_post import FormPosts
from services.intake.scheduler import Scheduler
from services.intake.settings import Settings
from services.intake.store import receipts
from services.intake.store.receipts import Captured, Keep
from services.intake.use_cases import answers
from services.intake.use_cases.canary import Canary
from services.intake.use_cases.capture import Capture
from services.intake.use_cases.fetch_leads import FetchLeads
from services.intake.use_cases.form_book import FormBook
from services.intake.use_cases.guard import Guard
from services.intake.use_cases.hear_followup import Loop
from services.intake.use_cases.hear_sender import Endpoints
from shared.consumer import Consumer
from shared.database import Database
from shared.group_commit import GroupCommit
from shared.migrations import Migrations
from shared.security import KeyRing
from shared.service import Service
from shared.signing import Signer, load_secret

MIGRATIONS = Migrations(Path(__file__).parent / "migrations", IntakeTable.metadata)
DESCRIPTION = "Takes marketing leads from web forms and webhooks, keeps every one, and publishes them."


def build(settings: Settings) -> Service:
    service = Service(settings, MIGRATIONS, title="Lead Handoff: intake", description=DESCRIPTION)
    keep = Keep(
        content=timedelta(minutes=settings.repeat_minutes),
        keys=timedelta(hours=settings.idempotency_hours),
        provider_ids=timedelta(days=settings.provider_id_days),
    )

    async def write(submissions: list[Submission]) -> list[Captured]:
        keyed = any(one.idempotency_key for one in submissions)
        async with service.database.transaction() if keyed else service.database.statement() as unit:
            answers = await receipts.capture(unit, submissions, datetime.now(UTC), keep)
        scheduler.wake()
        return answers

    queue = GroupCommit(write, limit=settings.queue_limit, at_once=2)
    scheduler = Scheduler(settings, service.database, queue)
    capture = Capture(settings.phone_region, queue)
    service.consumer = Consumer(
        settings,
        service.database,
        group=consumer.GROUP,
        topics=consumer.TOPICS,
        handlers=consumer.handlers(Loop(settings.phone_region)),
        patient=True,
    )
    forms = FormBook(service.database)
    service.on_start.append(forms.load)
    service.background = {"capture": queue.run, "tidy": scheduler.tidy, "forms": forms.watch}
    if settings.qualify:
        service.background |= {"qualify": scheduler.qualify, "rescore": scheduler.rescore, "ledger": scheduler.check_ledger}
    if settings.canary_seconds:
        host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104  where we listen ourselves
        door = f"http://{host}:{settings.port}"
        service.background["canary"] = Canary(
            service.database, door, seconds=settings.canary_seconds, api_key_file=settings.api_key_file
        ).run
    add_doors(service, settings, capture, forms)
    return service


def add_doors(service: Service, settings: Settings, capture: Capture, forms: FormBook) -> None:
    """HTTP in, and the job that fetches what senders only announced."""
    answers.install(service.app)
    service.body_limits.update({"/f/": 64 * 1024, "/hooks/": 1024 * 1024})  # Meta tells of a thousand leads at once
    guard = build_guard(settings, service.database, capture)
    endpoints = Endpoints(service.database, capture, forms)
    api.add_routes(service.app, settings, capture, forms, guard, service.database)
    pages.add_routes(service.app, FormPosts(capture, guard), forms)
    hooks.add_routes(service.app, endpoints, settings.base_url)

    async def fetch() -> None:
        async with httpx.AsyncClient(timeout=10) as client:
            await FetchLeads(endpoints, GraphApi(settings.meta_graph_url, settings.meta_token, client)).run()

    service.background["fetch leads"] = fetch


def build_guard(settings: Settings, database: Database, capture: Capture) -> Guard:
    """What stands before the forms. The shipped settings stand in nobody's way."""

    @cache
    def signer() -> Signer:
        return Signer(load_secret(settings.secret_key_file, settings.local_dir / "secret-key"), purpose="form loaded at")

    public = urlsplit(settings.base_url)
    secrets = {
        "turnstile": (settings.turnstile_url, settings.turnstile_secret),
        "hcaptcha": (settings.hcaptcha_url, settings.hcaptcha_secret),
    }
    return Guard(
        signer,
        settings.spam_score_limit,
        per_address=Buckets(settings.posts_per_address_minute),
        per_form=Buckets(settings.posts_per_form_minute),
        per_contact=Buckets(settings.posts_per_contact_hour, 3600),
        keys=KeyRing(settings.api_key_file, database),
        region=settings.phone_region,
        own_host=public.hostname or "",
        own_origin=f"{public.scheme}://{public.netloc}".lower(),
        trusted_proxies=settings.trusted_networks,
        evidence_ip=settings.consent_ip,
        captchas={provider: SiteVerify(url, secret) for provider, (url, secret) in secrets.items() if secret},
        check=capture.check,
    )
