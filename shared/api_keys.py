"""Scoped API keys: a row per key with the hash of its secret, made, listed and revoked by the ops commands."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from shared.database import Rows, Transaction

SCOPES = ("leads:read", "leads:write", "assignments:write", "reps:write", "ops", "admin")  # admin has every other
LIVE_PER_CLIENT = 2  # the old and the new one, while a client changes over
USED_AGAIN_AFTER = timedelta(minutes=1)
LIVE = "revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1)"


class ApiKeyRow(SQLModel):
    """Columns of a key; each service inherits them beside its own registry. Only the hash of the secret is kept."""

    id: str = Field(primary_key=True)
    client: str = Field(index=True)
    digest: bytes
    scopes: list[str] = Field(sa_type=JSONB)
    rep_id: UUID | None = None  # a rep's key sees only that rep's leads
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    expires_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    last_used_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    revoked_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class KeyRefused(ValueError):
    """The key cannot be made; the message says what to do."""


def digest_of(key: str) -> bytes:
    """A key is 256 random bits: one round of SHA-256 keeps it as safe as many would."""
    return hashlib.sha256(key.encode()).digest()


async def create_key(
    unit: Transaction,
    client: str,
    scopes: Sequence[str],
    *,
    now: datetime,
    lifetime: timedelta | None = None,
    rep_id: UUID | None = None,
) -> str:
    """Make a key and return it: this is the only time it can be seen."""
    await unit.execute("SELECT pg_advisory_xact_lock(hashtextextended('api-key ' || $1, 0))", client)
    live = await unit.value(f"SELECT count(*) FROM api_key WHERE client = $2 AND {LIVE}", now, client)  # noqa: S608
    if live >= LIVE_PER_CLIENT:
        raise KeyRefused(f"{client} has {live} live keys already: revoke one of them first.")
    key_id = secrets.token_hex(4)
    key = f"lh_{key_id}_{secrets.token_urlsafe(32)}"
    await unit.execute(
        "INSERT INTO api_key (id, client, digest, scopes, rep_id, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        key_id,
        client,
        digest_of(key),
        sorted(set(scopes)),
        rep_id,
        now,
        now + lifetime if lifetime else None,
    )
    return key


async def list_keys(unit: Transaction) -> Rows:
    return await unit.fetch(
        "SELECT id, client, scopes, rep_id, created_at, expires_at, last_used_at, revoked_at FROM api_key "
        "ORDER BY client, created_at"
    )


async def revoke_key(unit: Transaction, key_id: str, now: datetime) -> bool:
    """False where there is no such key. A second time changes nothing."""
    query = "UPDATE api_key SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1 RETURNING 1"
    return bool(await unit.value(query, key_id, now))


async def live_key(unit: Transaction, key_id: str, now: datetime) -> Any:
    return await unit.row(f"SELECT * FROM api_key WHERE id = $2 AND {LIVE}", now, key_id)  # noqa: S608


async def note_use(unit: Transaction, key_id: str, now: datetime) -> None:
    """At most one write a minute and key, however many replicas look."""
    query = "UPDATE api_key SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)"
    await unit.execute(query, key_id, now, now - USED_AGAIN_AFTER)
