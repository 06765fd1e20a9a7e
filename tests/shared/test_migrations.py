"""Tables and models say the same, in every service; each role is refused by the others' databases."""

import importlib
import subprocess
import sys

import asyncpg
import pytest
from alembic.script import ScriptDirectory

from deploy.local.system import SERVICES, System
from shared.settings import ROOT
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


@pytest.mark.parametrize("service", SERVICES)
def test_the_head_we_read_is_the_head_alembic_finds(service: str) -> None:
    migrations = importlib.import_module(f"services.{service}.main").MIGRATIONS
    assert migrations.head == ScriptDirectory.from_config(migrations._config("")).get_current_head()


@pytest.mark.parametrize("service", SERVICES)
def test_a_serving_process_does_not_load_what_only_migrations_need(service: str) -> None:
    loaded = f"import sys, services.{service}.cli; print(sorted({{'alembic', 'sqlalchemy.ext.asyncio'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", loaded], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
