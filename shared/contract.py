"""Generates the contract from the event classes: python -m shared.contract. A JSON Schema per event, and AsyncAPI 3."""

import json
from pathlib import Path
from typing import Any

from shared.events import BY_TYPE, CRM, FOLLOWUP, HANDOFF, INTAKE, PREFIX, VERSION, Event

FOLDER = Path(__file__).parent / "contracts"
HEADERS = {
    "ce_id": "Names the event together with ce_source: drop what you have seen",
    "ce_source": "Who wrote it: /intake, /handoff, /followup, or a CRM's own path",
    "ce_type": "Which event it is",
    "ce_specversion": "Always 1.0",
    "ce_time": "When it happened",
    "ce_subject": "The record's key",
    "ce_sequence": "Rises per topic and key; a repeat may come later with an older one. Not on crm.outcomes.v1",
    "traceparent": "W3C trace context",
}
WRITERS = {INTAKE: "intake", HANDOFF: "handoff", FOLLOWUP: "followup", CRM: "a CRM"}


def name_of(kind: type[Event]) -> str:
    return kind.TYPE.removeprefix(PREFIX).removesuffix(VERSION)


def schema_of(kind: type[Event]) -> dict[str, Any]:
    """The JSON Schema a reader validates with: open, so that fields may be added."""
    schema = kind.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"{kind.TYPE}.json", **schema}


def asyncapi() -> dict[str, Any]:
    """AsyncAPI 3.0: a channel per topic, a message per event, a send operation per event and topic."""
    kinds = sorted(BY_TYPE.values(), key=name_of)
    channels = {
        topic: {
            "address": topic,
            "title": f"Written by {writer}",
            "messages": {
                name_of(kind): {"$ref": f"#/components/messages/{name_of(kind)}"} for kind in kinds if topic in kind.TOPICS
            },
            "bindings": {"kafka": {"topic": topic, "partitions": 12, "bindingVersion": "0.5.0"}},
        }
        for topic, writer in WRITERS.items()
    }
    operations = {
        f"{action}-{topic}": {
            "action": action,
            "channel": {"$ref": "#/channels/" + topic},
            "title": f"{WRITERS[topic]} writes to {topic}",
        }
        for topic in WRITERS
        for action in (("receive",) if topic == CRM else ("send",))
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Lead Handoff",
            "version": "1.0.0",
            "description": "CloudEvents 1.0 in Kafka binary mode. Published names and fields never change their meaning.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": {name_of(kind): _message(kind) for kind in kinds}},
    }


def _message(kind: type[Event]) -> dict[str, Any]:
    return {
        "name": kind.TYPE,
        "title": name_of(kind),
        "summary": (kind.__doc__ or name_of(kind)).strip().splitlines()[0],
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "required": ["ce_id", "ce_source", "ce_type", "ce_specversion"],
            "properties": {name: {"type": "string", "description": text} for name, text in HEADERS.items()},
        },
        "payload": _inlined(kind.model_json_schema(mode="serialization")),
    }


def _inlined(schema: dict[str, Any]) -> Any:
    """Definitions in place of references: the parts of a payload need no names of their own."""
    definitions = schema.pop("$defs", {})

    def walk(node: Any) -> Any:
        if isinstance(node, list):
            return [walk(one) for one in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return walk(definitions[node["$ref"].rpartition("/")[2]])
        return {name: walk(value) for name, value in node.items()}

    return walk(schema)


def files() -> dict[Path, str]:
    """Every generated file and its text."""
    schemas = {FOLDER / f"{name_of(kind)}.json": schema_of(kind) for kind in BY_TYPE.values()}
    everything = {**schemas, FOLDER / "asyncapi.json": asyncapi()}
    return {path: json.dumps(content, indent=1) + "\n" for path, content in everything.items()}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for path, text in files().items():
        path.write_text(text)


if __name__ == "__main__":
    main()
