"""CloudEvents 1.0 on Kafka: writes binary mode, reads binary and structured mode, both through the SDK."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
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
    attributes: dict[str, Any] = {
        "id": str(event_id or uuid7()),
        "source": source,
        "type": event.TYPE,
        "specversion": "1.0",
        "time": at,
        "subject": key,
        "partitionkey": key,
        "datacontenttype": "application/json",
    }
    message = to_binary(CloudEvent(attributes, event.model_dump_json().encode()), _Json())
    if len(message.value) > MAX_BYTES:
        raise ValueError(f"{event.TYPE} has {len(message.value)} bytes, {MAX_BYTES} are allowed")
    return Record(key, {name: value.decode() for name, value in message.headers.items()}, message.value)


def from_record(*, topic: str, key: bytes | None, headers: Headers, value: bytes | None) -> Received | None:
    """Read a record. None for a type that is not in the contract; raises Unreadable with a reason otherwise."""
    cloud_event, traceparent = _cloud_event(headers, value)
    model = BY_TYPE.get(cloud_event.get_type())
    if model is None:
        return None
    try:
        event = _read_data(model, cloud_event.get_data())
    except ValidationError as error:
        raise Unreadable(_sentence(error)) from error
    if topic not in event.TOPICS:
        raise Unreadable(f"{event.TYPE} is not written to {topic}")
    name = key.decode("utf-8", "replace") if key else str(getattr(event, "lead_id", None) or "")
    return Received(
        topic,
        name,
        cloud_event.get_id(),
        cloud_event.get_source(),
        event,
        cloud_event.get_time(),
        traceparent,
        redriven=any(header == "redrive-count" for header, _ in headers),
    )


def _cloud_event(headers: Headers, value: bytes | None) -> tuple[CloudEvent, str | None]:
    """Only ce_ headers and content-type are ours to read; of a header written twice the first counts."""
    ours: dict[str, bytes] = {}
    traceparent = None
    for name, content in headers:
        lowered = name.lower()
        if lowered.startswith("ce_") or lowered == "content-type":
            ours.setdefault(lowered, content)
        elif lowered == "traceparent":
            traceparent = content.decode("ascii", "ignore")
    if value is None:
        raise Unreadable("the record has no value")
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
    return cast(CloudEvent, read), traceparent


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
