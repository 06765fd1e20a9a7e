"""The first step: check a post and make it a submission that can be stored."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import orjson
from prometheus_client import Counter
from uuid_utils.compat import uuid7

from services.intake.adapters.contact_details import bare_email, e164, extension_of
from services.intake.domain import submissions
from services.intake.domain.deliveries import faults, fit, set_faults_aside
from services.intake.domain.forms import FieldError, Form, check_fields
from services.intake.domain.spam import is_trapped
from services.intake.domain.submissions import NotAnswerable, Submission
from services.intake.store.receipts import Captured
from shared.group_commit import GroupCommit, Overloaded
from shared.telemetry import current_traceparent

SUBMISSIONS = Counter("lead_submissions_total", "Answers to submissions", ["form", "outcome"])


KEY_PATIENCE = 1.0  # seconds
MOST = 180_000  # bytes of what was said; a record of Kafka has room for 256 KiB, and says more than that


class KeyReused(Exception):
    """The Idempotency-Key belongs to another content."""


class KeyBusy(Exception):
    """The first request with this Idempotency-Key is still being stored."""


class Invalid(Exception):
    """The post cannot be taken; each error names its field and says what to do."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("invalid")
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Capture:
    """Checks a post, and answers once its submission is committed."""

    region: str
    queue: GroupCommit[Submission, Captured]
    running: dict[bytes, asyncio.Future[None]] = field(default_factory=dict)  # by the key of who is being stored

    def check(self, form: Form, values: Mapping[str, Any]) -> None:
        """Raises Invalid, as `keep` would."""
        self._read(form, values, now=datetime.now(UTC))

    async def keep(
        self,
        form: Form,
        values: Mapping[str, Any],
        *,
        now: datetime,
        idempotency_key: str | None = None,
        submission_id: str | None = None,
        held: str | None = None,
        evidence: dict[str, str] | None = None,
    ) -> Captured:
        """Raises Invalid, KeyReused, KeyBusy or Overloaded; then nothing was promised. `held`: why it is quarantined at once."""
        submission = self._read(form, values, now=now, idempotency_key=idempotency_key, held=held)
        _prove(submission, evidence)
        if submission_id and not idempotency_key:
            submission = replace(submission, idempotency_key=submissions.page_key(submission_id, submission.said_key))
        return await (self._store_keyed(submission) if idempotency_key else self._store(submission))

    async def keep_delivery(
        self,
        form: Form,
        values: Mapping[str, Any],
        *,
        now: datetime,
        provider_key: str | None,
        held: str | None,
        evidence: dict[str, str] | None = None,
    ) -> Captured:
        """What a verified sender told: kept in any case, set aside where nobody could be answered. May raise Overloaded."""
        region = form.region or self.region
        submission = read_delivery(form, values, region=region, now=now, provider_key=provider_key, held=held)
        _prove(submission, evidence)
        return await self._store(submission)

    def _read(self, form: Form, values: Mapping[str, Any], **more: Any) -> Submission:
        try:
            return read_submission(form, values, region=form.region or self.region, **more)
        except Invalid:
            SUBMISSIONS.labels(form.key, "invalid").inc()
            raise

    async def _store_keyed(self, submission: Submission) -> Captured:
        """A second request with a key waits a moment for the first's answer; if that takes longer it is to come again."""
        key = submission.idempotency_key or b""
        if (first := self.running.get(key)) is not None and not (await asyncio.wait({first}, timeout=KEY_PATIENCE))[0]:
            raise KeyBusy
        ours: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.running.setdefault(key, ours)
        try:
            return await self._store(submission)
        finally:
            ours.set_result(None)
            if self.running.get(key) is ours:
                del self.running[key]

    async def _store(self, submission: Submission) -> Captured:
        submission.content["trace"] = current_traceparent()  # the second step goes on with it
        try:
            captured = await self.queue.submit(submission)
        except Overloaded:
            SUBMISSIONS.labels(submission.form, "overloaded").inc()
            raise
        if captured.conflict:
            raise KeyReused
        SUBMISSIONS.labels(submission.form, "repeated" if captured.repeated else "received").inc()
        return captured


def read_submission(
    form: Form,
    values: Mapping[str, Any],
    *,
    region: str,
    now: datetime,
    idempotency_key: str | None = None,
    held: str | None = None,
) -> Submission:
    """Check a post against its form. Raises Invalid."""
    fields, errors = check_fields(form, values, phone=lambda number: e164(number, region), email=bare_email)
    if errors:
        raise Invalid(errors)
    try:
        content = _content(fields, values, region)
    except NotAnswerable as error:
        raise Invalid([FieldError(error.field, "invalid", error.detail)]) from error
    held = held or ("trap" if is_trapped(values) else None)
    said, content_key, said_key = _named(form, content, held)
    if len(said) > MOST:  # escapes and numbers may grow: what is taken must become an event
        raise Invalid([FieldError("answers", "too_long", f"Please send at most {MOST // 1000} kB in all.")])
    return Submission(
        lead_id=uuid7(),
        form=form.key,
        content=content,
        received_at=now,
        test=content["test"],
        held=held,
        content_key=content_key,
        said_key=said_key,
        idempotency_key=submissions.idempotency_key(form.key, idempotency_key) if idempotency_key else None,
    )


def read_delivery(
    form: Form, values: Mapping[str, Any], *, region: str, now: datetime, provider_key: str | None, held: str | None
) -> Submission:
    """The same of a sender that cannot be asked again: faulty fields become answers, and one good channel is enough."""
    values = fit(values)
    fields, errors = check_fields(form, values, phone=lambda number: e164(number, region), email=bare_email)
    if not fields.get("email") and not fields.get("phone"):
        held = held or f"no valid email or phone. {faults(errors)}"[:500].strip()
    content = _content(fields, set_faults_aside(values, errors), region)
    said, content_key, said_key = _named(form, content, held)
    if len(said) > MOST:
        held = held or f"too long to be told on: {len(said) // 1000} kB"
    return Submission(
        lead_id=uuid7(),
        form=form.key,
        content=content,
        received_at=now,
        test=content["test"],
        held=held,
        content_key=content_key,
        said_key=said_key,
        idempotency_key=submissions.idempotency_key(provider_key) if provider_key else None,
        is_provider_id=provider_key is not None,
    )


def _prove(submission: Submission, evidence: dict[str, str] | None) -> None:
    """Where and by whom consent was given: kept only where something was asked."""
    if evidence and submission.content["consents"]:
        submission.content["evidence"] = evidence


def _named(form: Form, content: dict[str, Any], held: str | None) -> tuple[bytes, bytes, bytes]:
    """What was said, its name, and its name whatever the verdict on it."""
    said = _said(form, content, held)
    content_key = submissions.content_key(said)
    return said, content_key, submissions.content_key(_said(form, content, None)) if held else content_key


def _said(form: Form, content: dict[str, Any], held: str | None) -> bytes:
    return orjson.dumps(submissions.said(form.key, content, held), option=orjson.OPT_SORT_KEYS)


def _content(fields: dict[str, str], values: Mapping[str, Any], region: str) -> dict[str, Any]:
    """What is stored. Raises NotAnswerable."""
    answers, attribution, consents = submissions.split_body(values, fields)
    if "phone" in fields and (extension := extension_of(values["phone"], region)):
        answers.setdefault("phone_extension", extension)
    return {
        "fields": fields,
        "answers": answers,
        "attribution": attribution,
        "consents": consents,
        "external_id": _external_id(values.get("external_id")),
        "test": _flag(values.get("test")),
    }


def _external_id(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > 200 or "\x00" in value:
        raise NotAnswerable("external_id", "Please send the external id as text of at most 200 characters.")
    return value


def _flag(value: Any) -> bool:
    if value in (None, "", False, "false", "0"):
        return False
    if value in (True, "true", "1"):
        return True
    raise NotAnswerable("test", "Please send test as true or false.")
