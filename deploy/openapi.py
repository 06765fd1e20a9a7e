"""Writes docs/openapi/<service>.json from the running code: python -m deploy.openapi."""

import importlib
import json
from pathlib import Path

from shared.settings import ROOT

FOLDER = ROOT / "docs" / "openapi"
SERVICES = ("intake", "handoff", "followup")


def files() -> dict[Path, str]:
    found = {}
    for service in SERVICES:
        settings = importlib.import_module(f"services.{service}.settings").Settings(database_url="postgresql://nowhere/x")
        app = importlib.import_module(f"services.{service}.main").build(settings).app
        found[FOLDER / f"{service}.json"] = json.dumps(app.openapi(), indent=1) + "\n"
    return found


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path, text in files().items():
        path.write_text(text)


if __name__ == "__main__":
    main()
