"""Followup answers anything as its contract says, on its pages with links that are good too."""

import asyncio
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from services.followup.main import build
from services.followup.settings import Settings
from shared.database import Database
from shared.signing import Signer, load_secret
from tests.fuzz import fuzz
from tests.services.followup.company import Company
from tests.support import in_thread

KEY = "lh_key"


async def test_every_route_keeps_to_its_contract_whatever_is_sent(new_database: Any, tmp_path: Path) -> None:
    (tmp_path / "api-key").write_text(KEY)
    await in_thread(_fuzz_all, await new_database("followup"), tmp_path)


def _fuzz_all(url: str, folder: Path) -> None:
    with asyncio.Runner() as runner:
        database, app, known = runner.run(_begin(url, folder))
        answers = fuzz(runner, app, known, key=KEY)
        runner.run(database.close())
    assert len(answers) > 20
    for (path, method), found in answers.items():
        assert found - {404, 405}, f"{method} {path} never reached anything: {found}"


async def _begin(url: str, folder: Path) -> tuple[Database, FastAPI, dict[str, Any]]:
    service = build(Settings(database_url=url, local_dir=folder, api_key_file=folder / "api-key"))
    await service.database.open()
    company = Company(service.database)
    await company.agree()
    client_id = await company.client()
    touch_id = (await company.touches(client_id))["review"]["id"]
    signer = Signer(load_secret(None, folder / "secret-key"), purpose="u")
    of_touch = {"token": signer.sign(f"{client_id}:email:{touch_id}")}
    known = {
        "client_id": client_id,
        "touch_id": touch_id,
        "/u/": {"token": signer.sign(f"{client_id}:email")},
        **dict.fromkeys(("/r/", "/m/", "/s/"), of_touch),
    }
    return service.database, service.app, known
