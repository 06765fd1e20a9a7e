"""CloudEvents 1.0 on Kafka: writes binary mode, reads binary and structured mode, both through the SDK."""

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka, to_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from pydantic import ValidationError
from uuid_utils.compat import uuid7

from shared.events import BY_TYPE, Event

MAX_BYTES = 256 * 1024  # a record above it would be refused by the broker for ever
REQUIRED = ("specversion", "id", "source", "type")
PLAIN = frozenset(
    {"ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_subject", "ce_partitionkey", "ce_sequence", "content-type"}
)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
Headers = Sequence[tuple[str, bytes]]


class Unreadable(ValueError):
    """The record is not an event we can read; the message says what its sender must change."""


class _Json(JSONFormat):
    """The SDK's JSON format, with the data left as bytes: pydantic reads and writes them once."""

    def write_data(self, data: Any, datacontenttype: str | None) -> bytes:
        return bytes(data)

    def read_data(self, body: bytes, datacontenttype: str | None) -> bytes:
        return body


@dataclass(frozen=True, slots=True)
class Record:
    """What goes to Kafka: a key, headers and the final bytes."""

    key: str
    headers: dict[str, str]
    value: bytes


@dataclass(frozen=True, slots=True)
class Received:
    """An event as it was read from Kafka. `key` orders it; (source, id) names it once and for all."""

    topic: str
    key: str
    id: str
    source: str
    event: Event
    at: datetime | None
    traceparent: str | None
    redriven: bool = False


def to_record(event: Event, *, key: str, source: str, at: datetime, event_id: UUID | str | None = None) -> Record:
    """Write an event in binary mode. Raises ValueError above MAX_BYTES: nothing oversized may enter the outbox."""
    if at.tzinfo is None or not key:
        raise ValueError(f"{event.TYPE} needs a key and a time with its zone")
    value = event.model_dump_json().encode()
    if len(value) > MAX_BYTES:
        raise ValueError(f"{event.TYPE} has {len(value)} bytes, {MAX_BYTES} are allowed")
    headers = _constant_headers(event.TYPE, source) | {
        "ce_id": str(event_id or uuid7()),
        "ce_time": at.isoformat().replace("+00:00", "Z"),
        "ce_subject": key,
        "ce_partitionkey": key,
    }
    return Record(key, headers, value)


@lru_cache(maxsize=512)
def _constant_headers(kind: str, source: str) -> dict[str, str]:
    """What all events of a type have in common, and every header's name, as the SDK writes them: once is enough."""
    attributes: dict[str, Any] = {
        "id": "-",
        "source": source,
        "type": kind,
        "specversion": "1.0",
        "time": datetime.now(UTC),
        "subject": "-",
        "partitionkey": "-",
        "datacontenttype": "application/json",
    }
    message = to_binary(CloudEvent(attributes, b"{}"), _Json())
    return {name: value.decode() for name, value in message.headers.items()}


def from_record(
    *, topic: str, key: bytes | None, headers: Headers, value: bytes | None, wanted: Container[type[Event]] | None = None
) -> Received | None:
    """Read a record. None for a type that is not in the contract or not `wanted`; raises Unreadable with a reason otherwise."""
    if value is None:
        raise Unreadable("the record has no value")
    read = read_plain(headers, value) or read_by_sdk(headers, value)
    model = BY_TYPE.get(read.type)
    if model is None or (wanted is not None and model not in wanted):
        return None
    try:
        event = _read_data(model, read.data)
    except ValidationError as error:
        raise Unreadable(_sentence(error)) from error
    if topic not in event.TOPICS:
        raise Unreadable(f"{event.TYPE} is not written to {topic}")
    name = key.decode("utf-8", "replace") if key else str(getattr(event, "lead_id", None) or "")
    if "\x00" in name or "\x00" in read.id or "\x00" in read.source:
        raise Unreadable("the key, the id or the source holds the character U+0000")
    others = {header: content for header, content in headers if header in ("traceparent", "redrive-count")}
    traceparent = others["traceparent"].decode("ascii", "ignore") if "traceparent" in others else None
    return Received(topic, name, read.id, read.source, event, read.time, traceparent, redriven="redrive-count" in others)


@dataclass(frozen=True, slots=True)
class Read:
    """What we use of a CloudEvent."""

    id: str
    source: str
    type: str
    time: datetime | None
    data: Any


def read_plain(headers: Headers, value: bytes) -> Read | None:
    """An event written as we write them, at a quarter of the cost. It only accepts: every doubt goes to the SDK."""
    found: dict[str, bytes] = {}
    for name, content in headers:
        if name in PLAIN:
            if name in found:
                return None
            found[name] = content
        elif name[:3].lower() == "ce_" or name.lower() == "content-type":
            return None
    if found.get("content-type") != b"application/json" or found.get("ce_specversion") != b"1.0":
        return None
    if not all(found.values()) or not b"".join(found.values()).isascii():
        return None
    try:
        at = found["ce_time"].decode("ascii")
        if not _INSTANT.fullmatch(at):
            return None
        name, source, kind = found["ce_id"].decode(), found["ce_source"].decode(), found["ce_type"].decode()
        return Read(name, source, kind, datetime.fromisoformat(at), value)
    except (KeyError, ValueError):
        return None


def read_by_sdk(headers: Headers, value: bytes) -> Read:
    """Only ce_ headers and content-type are ours to read; of a header written twice the first counts."""
    ours: dict[str, bytes] = {}
    for name, content in headers:
        lowered = name.lower()
        if lowered.startswith("ce_") or lowered == "content-type":
            ours.setdefault(lowered, content)
    media_type = ours.get("content-type", b"").split(b";")[0].strip().lower()
    structured = media_type == b"application/cloudevents+json"
    found: Any = _object(value) if structured else {name.removeprefix("ce_"): ours[name] for name in ours}
    if missing := [name for name in REQUIRED if not found.get(name)]:  # the SDK would invent an id
        raise Unreadable(f"the attribute {missing[0]} is missing or empty")
    if structured:
        ours["content-type"] = media_type
    try:
        read = from_kafka(KafkaMessage(headers=ours, key=None, value=value), _Json(), CloudEvent)
    except Exception as error:  # the SDK raises whatever its parsers raise
        raise Unreadable(f"not a CloudEvent: {error}"[:500]) from error
    return Read(read.get_id(), read.get_source(), read.get_type(), read.get_time(), read.get_data())


def _object(value: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise Unreadable(f"the value is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Unreadable("the value is not a JSON object")
    return found


def _read_data(model: type[Event], data: Any) -> Event:
    if isinstance(data, bytes | str):
        return model.model_validate_json(data)
    return model.model_validate(data)


def _sentence(error: ValidationError) -> str:
    """The first mistakes of a body, without the values: they may be personal."""
    found = error.errors(include_input=False, include_url=False)[:3]
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in found)
