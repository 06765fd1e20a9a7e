"""Postgres: a pool, one transaction per door, and the writes of a transaction collected into few statements."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import asyncpg
import orjson
from sqlmodel import SQLModel

from shared.statements import arguments, as_json, insert_statement, together

IDLE_IN_TRANSACTION = "5s"  # a frozen replica must not stop the others; the relay waits for Kafka and gets 15 s
Rows = list[asyncpg.Record]


class _Undone(Exception):
    """The end of a trial."""


@dataclass(slots=True)
class Transaction:
    """One unit of work: the connection, and the outbox shards to wake when it has committed.

    Writes that return nothing are collected and go as one statement, before the next query or the commit: at a few
    leads a batch the round trips cost more than the rows.
    """

    connection: Any
    shards: set[int] = field(default_factory=set)
    agreement: tuple[str, str] | None = None  # in force, once it was asked for; whoever stores another forgets it
    _writes: dict[tuple[str, ...], tuple[list[dict[str, Any]], list[Any]]] = field(default_factory=dict)

    async def fetch(self, query: str, *arguments: Any) -> Rows:
        await self.flush()
        return list(await self.connection.fetch(query, *arguments))

    async def row(self, query: str, *arguments: Any) -> Any:
        await self.flush()
        return await self.connection.fetchrow(query, *arguments)

    async def value(self, query: str, *arguments: Any) -> Any:
        await self.flush()
        return await self.connection.fetchval(query, *arguments)

    async def execute(self, query: str, *arguments: Any) -> str:
        await self.flush()
        return str(await self.connection.execute(query, *arguments))

    async def roll_back(self) -> None:
        """After a BEGIN of one's own: the connection goes back to the pool without a transaction, or not at all."""
        try:
            async with asyncio.timeout(5):
                await self.connection.execute("ROLLBACK")
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            self.connection.terminate()

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """What is done within is undone if it raises."""
        await self.flush()
        try:
            async with self.connection.transaction():
                yield
                await self.flush()
        finally:
            self._writes.clear()
            self.agreement = None

    @asynccontextmanager
    async def trial(self) -> AsyncIterator[None]:
        """What is done within is seen within, and undone at its end."""
        with suppress(_Undone):
            async with self.savepoint():
                yield
                await self.flush()
                raise _Undone

    async def insert(
        self, model: type[SQLModel], rows: Sequence[dict[str, Any]], suffix: str = "", *, apart: str = "", then: str = ""
    ) -> Rows:
        """Insert many rows in one statement; `suffix` is an ON CONFLICT or RETURNING clause.

        `apart`: the JSON column that is long, see `write`. `then`: a statement that goes on with the rows it returns, as
        `{rows}`.
        """
        if not rows:
            return []
        query = insert_statement(model, tuple(rows[0]), suffix, apart)
        long = [as_json(row[apart]) for row in rows] if apart else []
        rest = [{name: row[name] for name in row if name != apart} for row in rows] if apart else rows
        if "RETURNING" in suffix and not then:
            return await self.fetch(query, *arguments(rest, long))
        await self.write(query, rest, apart=long, then=then)
        return []

    async def write(self, query: str, rows: Sequence[dict[str, Any]], *, apart: Sequence[Any] = (), then: str = "") -> None:
        """A statement of rows as JSON, `$1`. It sees no row that was written since the last query.

        `apart`: of each row what is long, `$2`, an array: reading it as part of the JSON would cost more than storing it.
        """
        if not rows:
            return
        parts = (query, then) if then else (query,)
        if parts in self._writes and "DO UPDATE" in query:  # a row can be changed once a statement
            await self.flush()
        narrow, wide = self._writes.setdefault(parts, ([], []))
        narrow.extend(rows)
        wide.extend(apart)

    async def flush(self) -> None:
        """Send what was collected."""
        if self._writes:
            writes, self._writes = self._writes, {}
            given = chain.from_iterable(arguments(rows, apart) for rows, apart in writes.values())
            await self.connection.execute(together(tuple(writes)), *given)


class Database:
    """A pool that opens late and calls `on_commit` with the outbox shards a transaction wrote to."""

    def __init__(self, url: str, *, name: str, size: int = 10, idle_in_transaction: str = IDLE_IN_TRANSACTION) -> None:
        self.url, self.name, self.size, self.idle_in_transaction = url, name, size, idle_in_transaction
        self.on_commit: Callable[[Iterable[int]], None] = lambda shards: None
        self._pool: Any = None

    async def open(self) -> None:
        self._pool = await asyncpg.create_pool(
            self.url,
            min_size=1,
            max_size=self.size,
            init=_use_orjson,
            command_timeout=30,
            timeout=10,
            reset=_keep_session_as_it_is,
            server_settings={
                "application_name": self.name,
                "idle_in_transaction_session_timeout": self.idle_in_transaction,
                "timezone": "UTC",
                "tcp_keepalives_idle": "10",
                "tcp_keepalives_interval": "5",
                "tcp_keepalives_count": "3",
                "jit": "off",  # our statements are short: compiling them costs more than running them
            },
        )

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """The only place that commits. Rolls back on any exception; wakes the relay after the commit."""
        async with self._pool.acquire() as connection:
            unit = Transaction(connection)
            async with connection.transaction():
                yield unit
                await unit.flush()
        if unit.shards:
            self.on_commit(unit.shards)

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[Transaction]:
        """For a change that is a single statement, and so a transaction by itself, or begins and ends its own."""
        async with self._pool.acquire() as connection:
            unit = Transaction(connection)
            yield unit
            await unit.flush()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        """For single queries that change nothing: no BEGIN, no COMMIT."""
        async with self._pool.acquire() as connection:
            yield Transaction(connection)


async def _keep_session_as_it_is(connection: Any) -> None:
    """Our sessions hold no state between transactions: asyncpg's reset would cost a round trip each time."""


async def _use_orjson(connection: Any) -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=lambda value: orjson.dumps(value).decode(), decoder=orjson.loads
    )


def storable(text: str) -> str:
    """A stranger may write what a database does not take: NULs and halves of characters. What stands beside them is kept."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")


def is_transient(error: BaseException) -> bool:
    """Whether trying the same again later may succeed: the database is away, busy or broke a deadlock."""
    if isinstance(error, OSError | TimeoutError):
        return True
    if isinstance(error, asyncpg.InternalClientError):
        return True  # the server ended the session while a statement was on its way
    if isinstance(error, asyncpg.InterfaceError):
        return not isinstance(error, ValueError)
    return isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "")[:2] in {
        "08",
        "40",
        "53",
        "55",
        "57",
        "25",
    }
