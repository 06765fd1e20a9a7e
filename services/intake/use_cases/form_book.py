"""The forms in use, in memory: a lookup costs nothing, a change is seen within seconds."""

import asyncio
from typing import Any

from services.intake.adapters.form_files import FormRefused, read_stored
from services.intake.domain.forms import Form
from services.intake.store import forms as store
from shared import telemetry
from shared.database import Database, is_transient

LOOK_EVERY = 1.0


class FormBook:
    """Reads the forms again when one has changed. While the database is away the last ones stay in use."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._forms: dict[str, Form] = {}
        self._stamp: Any = None

    @classmethod
    def fixed(cls, *forms: Form) -> "FormBook":
        """Forms that are known beforehand: no database is read."""
        book = cls(Database("", name="none"))
        book._forms = {form.key: form for form in forms}
        return book

    def get(self, key: Any) -> Form | None:
        """None for a form that never was, or is no longer."""
        return self._forms.get(key) if isinstance(key, str) else None

    async def load(self) -> None:
        async with self._database.reading() as unit:
            stamp = tuple(await store.stamp(unit))
            if stamp == self._stamp:
                return
            rows = await store.usable(unit)
        found = {}
        for row in rows:
            try:
                found[row["key"]] = read_stored(row["definition"], row["version"], row["earlier_consents"])
            except FormRefused as error:  # written by another version of the program
                telemetry.log().error("a stored form cannot be used", form=row["key"], error=str(error)[:300])
        self._forms, self._stamp = found, stamp

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                await self.load()
            except Exception as error:
                if not is_transient(error):
                    raise
