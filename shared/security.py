"""Who may call: API keys and their scopes."""

import hmac
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from shared.api_keys import USED_AGAIN_AFTER, digest_of, live_key, note_use
from shared.database import Database
from shared.problem import Problem

KEY = re.compile(r"^lh_([0-9a-f]{8})_[A-Za-z0-9_-]{43}$")
LOOKED_UP_FOR = timedelta(seconds=5)  # a revoked key stops after this at the latest
MOST_LOOK_UPS = 1000
_bearer = HTTPBearer(auto_error=False, description="An API key: python -m services.<service> keys create")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. With a `rep_id` they see only what is that rep's."""

    client: str
    scopes: frozenset[str]
    rep_id: UUID | None = None

    def may(self, scope: str) -> bool:
        return scope in self.scopes or "admin" in self.scopes


OWNER = Caller("api-key file", frozenset({"admin"}))


class KeyRing:
    """Knows the key in API_KEY_FILE, which has every scope and is read again when it changes, and those in the database."""

    def __init__(self, file: Path | None, database: Database | None = None) -> None:
        self._file, self._read_at, self._digest, self._database = file, -1.0, b"", database
        self._found: dict[str, tuple[datetime, Any]] = {}
        self._noted: dict[str, datetime] = {}

    async def __call__(self, credentials: Credentials) -> Caller:
        """FastAPI dependency of routes that name no scope of their own: they want admin."""
        return _checked(await self._caller(credentials), "admin", for_reps=False)

    def allows(self, scope: str, *, for_reps: bool = False) -> Callable[..., Awaitable[Caller]]:
        """The dependency of routes that want a scope. `for_reps`: the route shows a rep's key only what is theirs."""

        async def check(credentials: Credentials) -> Caller:
            return _checked(await self._caller(credentials), scope, for_reps=for_reps)

        return check

    async def check(self, request: Request, scope: str) -> Caller:
        """The same for a route that wants a key only sometimes."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        credentials = HTTPAuthorizationCredentials(scheme=scheme, credentials=key) if scheme.lower() == "bearer" else None
        return _checked(await self._caller(credentials), scope, for_reps=False)

    def knows(self, key: str) -> bool:
        """Whether this is the key in the file."""
        if self._file is None or not self._file.exists():
            return False
        changed_at = self._file.stat().st_mtime
        if changed_at != self._read_at:
            self._digest, self._read_at = digest_of(self._file.read_text().strip()), changed_at
        return hmac.compare_digest(digest_of(key), self._digest)

    async def _caller(self, credentials: HTTPAuthorizationCredentials | None) -> Caller:
        key = credentials.credentials.strip() if credentials else ""
        if key and self.knows(key):
            return OWNER
        now = datetime.now(UTC)
        row = await self._row(key, now)
        if row is None:
            raise Problem(401, "Send a valid API key as: Authorization: Bearer <key>.", {"WWW-Authenticate": "Bearer"})
        await self._note_use(row, now)
        return Caller(row["client"], frozenset(row["scopes"]), row["rep_id"])

    async def _row(self, key: str, now: datetime) -> Any:
        """The row of a key that is right and neither revoked nor expired."""
        match = KEY.match(key)
        row = await self._look_up(match[1], now) if match else None
        if row is None or (row["expires_at"] is not None and row["expires_at"] <= now):
            return None
        return row if hmac.compare_digest(digest_of(key), row["digest"]) else None

    async def _look_up(self, key_id: str, now: datetime) -> Any:
        """What the database says of this id, remembered for a few seconds; also that it says nothing."""
        looked_up_at, row = self._found.get(key_id, (None, None))
        if self._database is not None and (looked_up_at is None or now - looked_up_at >= LOOKED_UP_FOR):
            async with self._database.reading() as unit:
                row = await live_key(unit, key_id, now)
            if len(self._found) >= MOST_LOOK_UPS:
                self._found.clear()
            self._found[key_id] = (now, row)
        return row

    async def _note_use(self, row: Any, now: datetime) -> None:
        noted_at = self._noted.get(row["id"], row["last_used_at"])
        if self._database is None or (noted_at is not None and now - noted_at < USED_AGAIN_AFTER):
            return
        if len(self._noted) >= MOST_LOOK_UPS:
            self._noted.clear()
        self._noted[row["id"]] = now
        async with self._database.transaction() as unit:
            await note_use(unit, row["id"], now)


def _checked(caller: Caller, scope: str, *, for_reps: bool) -> Caller:
    if not caller.may(scope):
        raise Problem(403, f"This key has not the scope {scope}.")
    if caller.rep_id is not None and not for_reps:
        raise Problem(403, "This key belongs to a rep, who has no business here.")
    return caller
