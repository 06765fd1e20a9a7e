"""Many rows as one statement: built from the tables' own columns, several kinds together, rows as JSON."""

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Table
from sqlmodel import SQLModel


def arguments(rows: Sequence[dict[str, Any]], apart: Sequence[Any]) -> list[Any]:
    """Of a statement: its rows, and what is long of them."""
    return [as_json(rows), apart] if apart else [as_json(rows)]


def as_json(rows: Any) -> str:
    """Rows as one JSON text for json_to_recordset: a third of the client's CPU of an array per column."""
    return orjson.dumps(rows, default=_as_postgres_text).decode()


@cache
def insert_statement(model: type[SQLModel], given: tuple[str, ...], suffix: str, apart: str) -> str:
    """Columns that are not given get the model's default."""
    table: Table = model.__table__  # type: ignore[attr-defined]
    defaults = {name: field.default for name, field in model.model_fields.items() if name not in given}
    literals = {name: _literal(value) for name, value in defaults.items() if isinstance(value, str | int | bool)}
    columns = ", ".join((*given, *literals))
    values = ", ".join((*("unnest::jsonb" if name == apart else name for name in given), *literals.values()))
    rows = f"json_populate_recordset(NULL::{table.name}, $1::json)"
    if apart:
        rows = f"ROWS FROM ({rows}, unnest($2::text[]))"
    return f"INSERT INTO {table.name} ({columns}) SELECT {values} FROM {rows} {suffix}"  # noqa: S608  names and literals of our own


@lru_cache(maxsize=1024)
def together(writes: tuple[tuple[str, ...], ...]) -> str:
    """One statement for several: the parts of a WITH that write run to their end, whether or not anybody reads them."""
    parts: list[str] = []
    given = 0
    for number, (query, *then) in enumerate(writes, 1):
        parts.append(f"w{number} AS ({_numbered(query, given)})")
        parts += [f"t{number} AS ({one.replace('{rows}', f'w{number}')})" for one in then]
        given += 2 if "$2" in query else 1
    return f"WITH {', '.join(parts)} SELECT"


def _numbered(query: str, given: int) -> str:
    """Its arguments come after those that were given before."""
    return re.sub(r"\$([12])", lambda found: f"${given + int(found[1])}", query)


def _literal(value: str | int | bool) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)


def _as_postgres_text(value: Any) -> str:
    """What JSON has no form for."""
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if isinstance(value, UUID):  # asyncpg's own kind
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be a column")
