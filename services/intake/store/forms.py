"""The queries about forms."""

from datetime import datetime
from typing import Any

from services.intake import models
from shared.database import Rows, Transaction


async def stamp(unit: Transaction) -> Any:
    """Changes whenever any form does, whatever the clock of whoever changed it; read every second, so it must be cheap."""
    return await unit.row("SELECT count(*) AS n, sum(version) AS versions, count(disabled_at) AS disabled FROM form")


async def usable(unit: Transaction) -> Rows:
    return await unit.fetch("SELECT key, definition, version, earlier_consents FROM form WHERE disabled_at IS NULL")


async def every(unit: Transaction) -> Rows:
    return await unit.fetch("SELECT key, definition, version, changed_at, disabled_at FROM form ORDER BY key")


async def put(unit: Transaction, key: str, definition: dict[str, Any], now: datetime) -> int:
    """A new form, or the next version of one; a disabled one is open again. Consent boxes that change are remembered."""
    rows = await unit.insert(
        models.FormRow,
        [{"key": key, "definition": definition, "changed_at": now}],
        "ON CONFLICT (key) DO UPDATE SET definition = excluded.definition, version = form.version + 1, "
        "changed_at = excluded.changed_at, disabled_at = NULL, earlier_consents = form.earlier_consents || CASE "
        "WHEN form.definition->'consents' IS DISTINCT FROM excluded.definition->'consents' "
        "THEN coalesce(form.definition->'consents', '[]') ELSE '[]' END RETURNING version",
    )
    return int(rows[0]["version"])


async def disable(unit: Transaction, key: str, now: datetime) -> bool:
    query = "UPDATE form SET disabled_at = $2, changed_at = $2 WHERE key = $1 AND disabled_at IS NULL RETURNING key"
    return bool(await unit.value(query, key, now))
