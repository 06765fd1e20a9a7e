"""The committed contract is the code's, examples fit it, and nothing published was removed, renamed or retyped."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, get_args, get_origin
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator
from pydantic import AwareDatetime

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


def examples_of(kind: type[Event]) -> list[Any]:
    """The first example of an event, and those that came with its later fields."""
    return [json.loads(file.read_text()) for file in sorted(EXAMPLES.glob(f"{contract.name_of(kind)}*.json"))]


@pytest.mark.parametrize("kind", KINDS, ids=contract.name_of)
def test_the_golden_examples_still_read_and_fit_the_schema(kind: type[Event]) -> None:
    """Written once, never changed: an old event must be readable for ever."""
    for example in examples_of(kind):
        event = kind.model_validate_json(json.dumps(example))
        written = json.loads(event.model_dump_json())
        Draft202012Validator(contract.schema_of(kind)).validate(written)
        same = json.dumps(_of(written, example)) == json.dumps(example)  # as text: 3 is not 3.0, and true is not 1
        assert same, "a published field was removed, renamed or retyped"


@pytest.mark.parametrize("kind", KINDS, ids=contract.name_of)
def test_every_field_stands_in_an_example_so_that_none_can_go_unseen(kind: type[Event]) -> None:
    shown = {path for example in examples_of(kind) for path in _paths(example)}
    assert not (missing := set(_fields(kind)) - shown), f"add {contract.name_of(kind)}.2.json with {sorted(missing)}"


def _fields(kind: Any, before: str = "") -> Iterator[str]:
    for name, field in kind.model_fields.items():
        yield f"{before}{name}"
        for inner in (field.annotation, *get_args(field.annotation)):
            if hasattr(inner, "model_fields"):
                yield from _fields(inner, f"{before}{name}.")


def _paths(example: Any, before: str = "") -> Iterator[str]:
    """Fields that say something: an empty text, list or object would read as many a type."""
    for name, value in example.items() if isinstance(example, dict) else ():
        if value not in (None, "", [], {}):
            yield f"{before}{name}"
        for inner in value if isinstance(value, list) else [value]:
            yield from _paths(inner, f"{before}{name}.")


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
        AwareDatetime: "2026-11-24T14:45:00Z",
        int: 3,
        bool: True,
    }
    special = {"currency": "USD", "amount": "1250.00", "hash": "0" * 64}
    if name in special:
        return special[name]
    if get_origin(annotation) is list:
        return [_value(get_args(annotation)[0], name)]
    if get_origin(annotation) is dict:
        return {"name": _value(get_args(annotation)[1], name)}
    if get_origin(annotation) is Literal:
        return get_args(annotation)[0]
    if get_origin(annotation) is Annotated:
        return _value(get_args(annotation)[0], name)
    return known.get(annotation, "text")
