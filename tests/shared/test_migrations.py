"""Tables and models say the same, in every service; each role is refused by the others' databases."""

import importlib

import asyncpg
import pytest

from deploy.local.system import SERVICES, System
from tests.support import in_thread


@pytest.mark.parametrize("service", SERVICES)
async def test_the_migrations_make_what_the_models_say(system: System, service: str) -> None:
    migrations = importlib.import_module(f"services.{service}.main").MIGRATIONS
    assert await in_thread(migrations.differences, system.postgres.url(service)) == []


@pytest.mark.parametrize("service", SERVICES)
async def test_a_role_is_refused_by_the_other_databases(system: System, service: str) -> None:
    for other in SERVICES:
        url = system.postgres.url(service).rsplit("/", 1)[0] + f"/{other}"
        if other != service:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await asyncpg.connect(url)
