"""Writes that return nothing go together, and never further than what they belong to."""

import pytest

from shared.database import Database, Transaction

ADD = "INSERT INTO jar (id, says) SELECT id, says FROM json_to_recordset($1::json) AS n(id int, says text)"
ADD_OR_CHANGE = f"{ADD} ON CONFLICT (id) DO UPDATE SET says = excluded.says"


@pytest.fixture
async def database(handoff_database):
    found = Database(handoff_database.url, name="writes", size=1)  # one session, for the tables are its own
    await found.open()
    async with found.transaction() as unit:
        await unit.execute("CREATE TEMP TABLE jar (place int GENERATED ALWAYS AS IDENTITY, id int PRIMARY KEY, says text)")
        await unit.execute("CREATE TEMP TABLE lid (id int PRIMARY KEY)")
    yield found
    await found.close()


async def content(database: Database) -> list[tuple[int, str]]:
    async with database.reading() as unit:
        return [(row["id"], row["says"]) for row in await unit.fetch("SELECT id, says FROM jar ORDER BY place")]


class Counting:
    """A connection that counts what is sent."""

    def __init__(self, connection) -> None:
        self._connection, self.sent = connection, 0

    def __getattr__(self, name):
        if name in ("fetch", "execute", "fetchrow", "fetchval"):
            self.sent += 1
        return getattr(self._connection, name)


async def test_several_writes_are_one_statement_and_keep_their_order(database):
    async with database.transaction() as unit:
        unit.connection = counting = Counting(unit.connection)
        await unit.write(ADD, [{"id": 2, "says": "first"}], then="INSERT INTO lid SELECT 7")
        await unit.write("INSERT INTO lid SELECT id FROM json_to_recordset($1::json) AS n(id int)", [{"id": 1}])
        await unit.write(ADD, [{"id": 1, "says": "second"}], then="INSERT INTO lid SELECT 7")
        assert counting.sent == 0
        assert [row["id"] for row in await unit.fetch("SELECT id FROM lid ORDER BY id")] == [1, 7]
        assert counting.sent == 2
    assert await content(database) == [(2, "first"), (1, "second")]


async def test_what_goes_on_with_written_rows_sees_them(database):
    async with database.transaction() as unit:
        returning = f"{ADD} RETURNING id"
        await unit.write(
            returning, [{"id": 3, "says": "x"}, {"id": 4, "says": "y"}], then="INSERT INTO lid SELECT id FROM {rows}"
        )
    async with database.reading() as unit:
        assert await unit.value("SELECT array_agg(id ORDER BY id) FROM lid") == [3, 4]


async def test_a_row_may_be_changed_twice(database):
    async with database.transaction() as unit:
        await unit.write(ADD_OR_CHANGE, [{"id": 1, "says": "old"}])
        await unit.write(ADD_OR_CHANGE, [{"id": 1, "says": "new"}])
    assert await content(database) == [(1, "new")]


async def test_a_failed_savepoint_takes_only_its_own_writes_along(database):
    async def fail(unit: Transaction) -> None:
        async with unit.savepoint():
            await unit.write(ADD, [{"id": 2, "says": "within"}])
            raise RuntimeError

    async with database.transaction() as unit:
        await unit.write(ADD, [{"id": 1, "says": "before"}])
        with pytest.raises(RuntimeError):
            await fail(unit)
        async with unit.savepoint():
            await unit.write(ADD, [{"id": 3, "says": "after"}])
    assert await content(database) == [(1, "before"), (3, "after")]


async def test_a_write_that_fails_fails_within_its_savepoint(database):
    async def twice(unit: Transaction) -> None:
        async with unit.savepoint():
            await unit.write(ADD, [{"id": 1, "says": "a"}, {"id": 1, "says": "b"}])

    async with database.transaction() as unit:
        with pytest.raises(Exception, match="jar_pkey"):
            await twice(unit)
        await unit.write(ADD, [{"id": 1, "says": "c"}])
    assert await content(database) == [(1, "c")]


async def test_nothing_is_written_where_the_transaction_fails(database):
    async def fail() -> None:
        async with database.transaction() as unit:
            await unit.write(ADD, [{"id": 1, "says": "x"}])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await content(database) == []


async def test_a_statement_of_its_own_sends_what_it_was_given(database):
    async with database.statement() as unit:
        await unit.write(ADD, [{"id": 1, "says": "x"}])
    assert await content(database) == [(1, "x")]
