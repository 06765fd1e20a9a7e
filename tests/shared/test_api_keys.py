"""Keys have scopes, an end and a bearer; only their hash is kept."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import Depends, FastAPI

from shared import http, security
from shared.api_keys import KeyRefused, create_key, list_keys, revoke_key
from shared.database import Database
from shared.security import Caller, KeyRing

NOW = datetime.now(UTC)
REP = UUID("0198c0de-0000-7000-8000-000000000001")


@pytest.fixture
async def client(database: Database, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    file = tmp_path / "api-key"
    file.write_text("lh_the-owners-own")
    keys, app = KeyRing(file, database), FastAPI()
    http.install(app)

    @app.get("/read", dependencies=[Depends(keys.allows("leads:read"))])
    async def read() -> str:
        return "ok"

    @app.get("/mine")
    async def mine(caller: Annotated[Caller, Depends(keys.allows("leads:read", for_reps=True))]) -> str:
        return str(caller.rep_id)

    @app.get("/unnamed", dependencies=[Depends(keys)])
    async def unnamed() -> str:
        return "ok"

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as opened:
        yield opened


async def make(database: Database, *scopes: str, client: str = "crm", **more: object) -> str:
    async with database.transaction() as unit:
        return await create_key(unit, client, scopes, **{"now": NOW, **more})  # type: ignore[arg-type]


async def status(client: httpx.AsyncClient, path: str, key: str) -> int:
    return (await client.get(path, headers={"Authorization": f"Bearer {key}"})).status_code


async def test_a_key_opens_what_its_scopes_name_and_nothing_else(database: Database, client: httpx.AsyncClient) -> None:
    reader, ops, admin = [await make(database, scope, client=scope) for scope in ("leads:read", "ops", "admin")]
    assert [await status(client, "/read", key) for key in (reader, ops, admin)] == [200, 403, 200]
    assert [await status(client, "/unnamed", key) for key in (reader, ops, admin)] == [403, 403, 200]


async def test_the_key_in_the_file_has_every_scope(client: httpx.AsyncClient) -> None:
    assert [await status(client, path, "lh_the-owners-own") for path in ("/read", "/mine", "/unnamed")] == [200] * 3


@pytest.mark.parametrize("key", ["", "x", "lh_0badf00d_" + "A" * 43, "lh_the-owners-ow", "lh_' OR 1=1 --"])
async def test_what_is_no_key_gets_401_and_never_the_key_back(client: httpx.AsyncClient, key: str) -> None:
    answer = await client.get("/read", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert len(key) < 2 or key not in answer.text


async def test_the_right_id_with_another_secret_is_refused(database: Database, client: httpx.AsyncClient) -> None:
    key = await make(database, "leads:read")
    assert await status(client, "/read", key[:-1] + ("A" if key[-1] != "A" else "B")) == 401
    assert await status(client, "/read", key) == 200


async def test_an_expired_key_is_refused(database: Database, client: httpx.AsyncClient) -> None:
    key = await make(database, "leads:read", now=NOW - timedelta(days=2), lifetime=timedelta(days=1))
    assert await status(client, "/read", key) == 401


async def test_a_revoked_key_is_refused_within_the_time_look_ups_are_kept(
    database: Database, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await make(database, "leads:read")
    assert await status(client, "/read", key) == 200
    async with database.transaction() as unit:
        assert await revoke_key(unit, key.split("_")[1], NOW)
    monkeypatch.setattr(security, "LOOKED_UP_FOR", timedelta(0))
    assert await status(client, "/read", key) == 401


async def test_a_reps_key_opens_only_routes_that_show_a_rep_their_own(database: Database, client: httpx.AsyncClient) -> None:
    key = await make(database, "admin", rep_id=REP)
    assert [await status(client, path, key) for path in ("/read", "/mine", "/unnamed")] == [403, 200, 403]
    assert (await client.get("/mine", headers={"Authorization": f"Bearer {key}"})).json() == str(REP)


async def test_a_client_has_at_most_two_live_keys(database: Database) -> None:
    first = await make(database, "ops")
    await make(database, "ops")
    with pytest.raises(KeyRefused, match="revoke one"):
        await make(database, "ops")
    async with database.transaction() as unit:
        await revoke_key(unit, first.split("_")[1], NOW)
    await make(database, "ops")


async def test_only_the_hash_is_kept_and_a_use_is_noted_once_a_minute(database: Database, client: httpx.AsyncClient) -> None:
    key = await make(database, "leads:read")
    await status(client, "/read", key)
    async with database.reading() as unit:
        (row,) = await list_keys(unit)
        stored = str(await unit.row("SELECT * FROM api_key"))
        version = await unit.value("SELECT xmin::text FROM api_key")
    assert row["last_used_at"] is not None
    assert key.split("_", 2)[2] not in stored
    await status(client, "/read", key)
    async with database.reading() as unit:
        assert await unit.value("SELECT xmin::text FROM api_key") == version


async def test_an_unknown_id_is_not_a_key_to_revoke(database: Database) -> None:
    async with database.transaction() as unit:
        assert not await revoke_key(unit, uuid4().hex[:8], NOW)
