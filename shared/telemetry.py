"""Logs (JSON on stdout, no personal data), metrics, and a trace that survives outbox and Kafka (W3C traceparent)."""

import logging
import random
import re
import sys
import traceback
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import asyncpg
import structlog
from prometheus_client import Counter, Gauge, Histogram
from pydantic import ValidationError

_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)
_by_key: ContextVar[Mapping[str, str | None]] = ContextVar("traceparents", default={})  # noqa: B039  never changed in place
_VALID = re.compile(r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")
# The second net: the first is that nobody logs values, only ids.
_PERSONAL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+|\+?\d[\d\s().-]{8,}\d(?![\w-])|(?<=[/=])[A-Za-z0-9_-]{40,}")
_KEPT = {"event", "level", "timestamp", "service", "trace_id", "lead_id", "id", "assignment_id", "touch_id", "key"}

OUTBOX_PENDING = Gauge("outbox_pending", "Events not yet published")
OUTBOX_OLDEST = Gauge("outbox_oldest_seconds", "Age of the oldest event not yet published")
OUTBOX_PUBLISHED = Counter("outbox_published_total", "Events published", ["topic"])
OUTBOX_DRAIN = Histogram("outbox_drain_seconds", "Time to publish one batch")
OUTBOX_ERRORS = Counter("outbox_drain_errors_total", "Batches that were not published and are tried again")
OUTBOX_DEAD = Counter("outbox_dead_total", "Events the broker will never take", ["topic"])
CONSUMED = Counter("inbox_events_total", "Events read", ["type", "result"])
BATCH_SIZE = Histogram("consumer_batch_size", "Records per poll", buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500))
BATCH_SECONDS = Histogram("consumer_batch_seconds", "Time to apply one poll")
LAST_POLL = Gauge("consumer_last_poll_timestamp_seconds", "When the last poll returned")
ASSIGNED = Gauge("consumer_assigned_partitions", "Partitions this process reads")
REBALANCES = Counter("consumer_rebalances_total", "Times partitions were taken away")
DATABASE_ANSWERED = Gauge("database_answered_timestamp_seconds", "When the database last answered")
CONSUMER_RETRIES = Counter("consumer_retries_total", "Batches tried again because the database was away")
DEAD_LETTERS = Counter("dlq_total", "Events put on the dead letter topic", ["reason"])
EVENT_AGE = Histogram(
    "event_age_seconds", "Time from the event to its handling", buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 60, 600, 3600)
)


def configure_logs(service: str, *, level: str, form: str) -> None:
    """One line per happening: JSON for machines, plain for a terminal."""
    renderer: Any = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _add_context(service),
            mask,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s", force=True)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what matters of it reaches our own lines as exceptions


def _add_context(service: str) -> Any:
    def add(_logger: Any, _method: str, line: Any) -> Any:
        line["service"] = service
        if traceparent := _traceparent.get():
            line["trace_id"] = traceparent[3:35]
        return line

    return add


def mask(_logger: Any, _method: str, line: Any) -> Any:
    """Replace what looks like an address, a number or a token in every field that is not an id."""
    for name, value in line.items():
        if name not in _KEPT and isinstance(value, str):
            line[name] = _PERSONAL.sub("***", value)
    return line


def log() -> Any:
    return structlog.get_logger()


def describe(error: BaseException) -> str:
    """What failed and where, without the message: it may repeat what a person typed."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/services/" in frame.filename]
    place = f" in {Path(frames[-1].filename).stem}.{frames[-1].name}, line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


def reason_of(error: BaseException) -> str:
    """What failed, in its own words, where these do not repeat a row or what was posted."""
    return describe(error) if isinstance(error, asyncpg.PostgresError | ValidationError | UnicodeError) else repr(error)[:500]


def trace_of(error: BaseException) -> str:
    """The way to where it failed, without the message: a database's repeats the row."""
    return "".join(traceback.format_tb(error.__traceback__))[-4000:]


def current_traceparent(key: str | None = None) -> str | None:
    """The trace this work belongs to; within a batch, that of the one event with this key."""
    return _by_key.get().get(key or "") or _traceparent.get()


def start_trace(incoming: str | None) -> str:
    """Go on with the caller's trace, or begin one. Returns the traceparent now in force."""
    trace_id = incoming[3:35] if incoming and _VALID.match(incoming) else f"{random.getrandbits(128):032x}"
    traceparent = f"00-{trace_id}-{random.getrandbits(64):016x}-01"
    _traceparent.set(traceparent)
    return traceparent


def go_on_with(traceparents: Mapping[str, str | None]) -> None:
    """The traces of the events now being handled, by key; a log line names a trace only where it is the only one."""
    valid = {key: one for key, one in traceparents.items() if one and _VALID.match(one)}
    _by_key.set(valid)
    _traceparent.set(next(iter(valid.values())) if len(traceparents) == 1 and valid else None)
