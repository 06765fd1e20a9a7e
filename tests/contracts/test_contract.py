"""The committed contract is the code's, examples fit it, and nothing published was removed, renamed or retyped."""

import json
from datetime import UTC, date, datetime
from typing import Annotated, Any, get_args, get_origin
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator

from deploy import openapi
from shared import contract
from shared.envelope import from_record, to_record
from shared.events import BY_TYPE, Event

EXAMPLES = contract.FOLDER.parent.parent / "tests" / "contracts" / "examples"
KINDS = sorted(BY_TYPE.values(), key=contract.name_of)


@pytest.mark.parametrize(
    ("path", "text"), [*contract.files().items(), *openapi.files().items()], ids=lambda one: getattr(one, "name", "")
)
def test_the_committed_file_is_current(path: Any, text: str) -> None:
    assert path.exists(), f"run make contracts: {path.name} is missing"
    assert path.read_text() == text, f"run make contracts: {path.name} is stale"


def _of(written: Any, example: Any) -> Any:
    """What was written of that which the example names; at every depth names may grow."""
    if isinstance(example, dict) and isinstance(written, dict):
        return {name: _of(written[name], value) for name, value in example.items() if name in written}
    if isinstance(example, list) and isinstance(written, list) and len(example) == len(written):
        return [_of(*pair) for pair in zip(written, example, strict=True)]
    return written


@pytest.mark.parametrize("kind", KINDS, ids=contract.name_of)
def test_the_golden_example_still_reads_and_fits_the_schema(kind: type[Event]) -> None:
    """Written once, never changed: an old event must be readable for ever."""
    example = json.loads((EXAMPLES / f"{contract.name_of(kind)}.json").read_text())
    event = kind.model_validate_json(json.dumps(example))
    Draft202012Validator(contract.schema_of(kind)).validate(json.loads(event.model_dump_json()))
    written = json.loads(event.model_dump_json())
    assert _of(written, example) == example, "a published field was removed, renamed or retyped"


@pytest.mark.parametrize("kind", KINDS, ids=contract.name_of)
def test_an_event_survives_the_way_through_kafka(kind: type[Event]) -> None:
    event = kind.model_validate_json((EXAMPLES / f"{contract.name_of(kind)}.json").read_text())
    now = datetime.now(UTC)
    record = to_record(event, key="k", source="/test", at=now)
    headers = [(name, value.encode()) for name, value in record.headers.items()]
    read = from_record(topic=kind.TOPICS[0], key=b"k", headers=headers, value=record.value)
    assert read is not None
    assert (read.event, read.key, read.source) == (event, "k", "/test")


def test_no_field_became_required() -> None:
    for kind in KINDS:
        example = json.loads((EXAMPLES / f"{contract.name_of(kind)}.json").read_text())
        required = {name for name, field in kind.model_fields.items() if field.is_required()}
        assert required <= set(example), f"{contract.name_of(kind)}: old events lack {required - set(example)}"


def make_example(kind: type[Event]) -> dict[str, Any]:
    """A first example for a new event; commit it and never change it."""
    values = {name: _value(field.annotation, name) for name, field in kind.model_fields.items()}
    dumped: dict[str, Any] = json.loads(kind.model_validate(values).model_dump_json())
    return dumped


def _value(annotation: Any, name: str) -> Any:
    if get_origin(annotation) is not None and type(None) in get_args(annotation):
        annotation = get_args(annotation)[0]
    if hasattr(annotation, "model_fields"):
        return {inner: _value(field.annotation, inner) for inner, field in annotation.model_fields.items()}
    known = {
        UUID: "01a20e04-bfa1-7502-bdac-a80125a82998",
        date: "2026-11-24",
        datetime: "2026-11-24T14:45:00Z",
        int: 3,
        bool: True,
    }
    special = {"currency": "USD", "amount": "1250.00", "hash": "0" * 64, "consents": [{"channel": "email", "granted": True}]}
    if name in special:
        return special[name]
    if get_origin(annotation) is list:
        return []
    if get_origin(annotation) is dict:
        return {}
    if get_origin(annotation) is Annotated:
        return _value(get_args(annotation)[0], name)
    return known.get(annotation, "2026-11-24T14:45:00Z")
