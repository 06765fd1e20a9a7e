"""A post to an endpoint: verify it, understand what can be understood, keep all of it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from prometheus_client import Counter

from services.intake.adapters.senders import KINDS
from services.intake.adapters.senders.bodies import objects_of
from services.intake.adapters.senders.post import Heard, NotUnderstood, Post, Reading
from services.intake.adapters.senders.signatures import same
from services.intake.domain.aliases import PAGES, canonical
from services.intake.domain.consent import evidence
from services.intake.domain.deliveries import is_too_deep
from services.intake.domain.forms import SELECTIONS, Form
from services.intake.store import endpoints as store
from services.intake.use_cases.capture import Capture
from services.intake.use_cases.form_book import FormBook
from shared import telemetry
from shared.database import Database, is_transient
from shared.group_commit import Overloaded

HOOKS = Counter("webhook_posts_total", "Posts to endpoints", ["kind", "outcome"])


class UnknownEndpoint(Exception):
    """There is no such endpoint, or no longer."""


class NotVerified(Exception):
    """The signature or the key is not the endpoint's."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Takes what senders post."""

    database: Database
    capture: Capture
    forms: FormBook

    async def hear(self, endpoint_id: str, post: Post) -> list[UUID]:
        """The leads kept. Raises UnknownEndpoint, NotVerified or Overloaded; then nothing was promised."""
        endpoint, form = await self._find(endpoint_id)
        sender = KINDS[endpoint["kind"]]
        secrets = [one for one in (endpoint["secret"], endpoint["old_secret"]) if one]
        if (secrets or sender.needs_secret) and not sender.verify(post, secrets):
            HOOKS.labels(endpoint["kind"], "unverified").inc()
            telemetry.log().warning("a post was not verified", kind=endpoint["kind"])
            raise NotVerified
        found = await understand(endpoint["kind"], post, secrets)
        notices = [(notice.provider_id, notice.content) for heard in found for notice in heard.notices]
        if notices:
            async with _or_overloaded(), self.database.transaction() as unit:
                await store.note_fetches(unit, endpoint_id, notices, post.at)
        kept = [await self.keep(form, endpoint_id, one, post.at) for heard in found for one in heard.readings]
        HOOKS.labels(endpoint["kind"], "taken").inc()
        return kept

    async def _find(self, endpoint_id: str) -> tuple[Any, Form]:
        async with _or_overloaded(), self.database.reading() as unit:
            endpoint = await store.usable(unit, endpoint_id)
        form = endpoint and self.forms.get(endpoint["form"])
        if form is None:
            raise UnknownEndpoint
        return endpoint, form

    async def keep(self, form: Form, endpoint_id: str, reading: Reading, now: datetime) -> UUID:
        values = canonical(reading.values, own=form.own_names, selections=form.selections or SELECTIONS)
        key = f"{endpoint_id}\0{reading.provider_id}" if reading.provider_id else None
        places = [reading.values.get(name) for name in PAGES if name not in form.own_names]
        page = next((found for found in places if isinstance(found, str)), None)
        proof = evidence(form.version, page_url=page)
        kept = await self.capture.keep_delivery(form, values, now=now, provider_key=key, held=reading.held, evidence=proof)
        return kept.lead_id

    async def handshake(self, endpoint_id: str, query: Mapping[str, str]) -> str:
        """Meta asks once, with the word that was agreed, and wants its challenge back."""
        endpoint, _ = await self._find(endpoint_id)
        challenge = query.get("hub.challenge", "")
        words = [endpoint["verify_token"], endpoint["secret"], endpoint["old_secret"]]
        given = query.get("hub.verify_token", "")
        agreed = any(same(given, word) for word in words if word)
        if endpoint["kind"] != "meta" or query.get("hub.mode") != "subscribe" or not agreed or not 0 < len(challenge) <= 200:
            HOOKS.labels(endpoint["kind"], "unverified").inc()
            raise NotVerified
        return challenge


async def understand(kind: str, post: Post, secrets: Sequence[str]) -> list[Heard]:
    """What the sender says. What cannot be understood is held as it came, but for the secrets, for people to look at."""
    try:
        told = await objects_of(post)
        found = [KINDS[kind].read(values, post) for values in told if not is_too_deep(values)]
        if len(found) == len(told) and not any(is_too_deep(one.values) for heard in found for one in heard.readings):
            return found
        reason = "The payload is nested too deeply."
    except NotUnderstood as error:
        reason = str(error)
    except (TypeError, ValueError, LookupError, AttributeError) as error:  # a shape nobody thought of must not lose a lead
        telemetry.log().error("a payload was not understood", kind=kind, error=type(error).__name__)
        reason = "The payload has an unexpected shape."
    HOOKS.labels(kind, "held").inc()
    text = post.body.decode("utf-8", "replace") or "(an empty body)"
    for secret in secrets:
        text = text.replace(secret, "***")
    return [Heard([Reading({"payload": text}, held=f"not understood: {reason}")])]


@asynccontextmanager
async def _or_overloaded() -> AsyncIterator[None]:
    """Without the database nothing can be promised: the sender is asked to come again."""
    try:
        yield
    except Exception as error:
        if is_transient(error):
            raise Overloaded from error
        raise
