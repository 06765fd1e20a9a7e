"""HTTP in, a module per subject."""

from fastapi import FastAPI

from services.followup.api.clients import client_routes
from services.followup.settings import Settings
from services.followup.use_cases.pauses import Pauses
from shared.database import Database
from shared.security import KeyRing


def add_routes(app: FastAPI, settings: Settings, database: Database, pauses: Pauses) -> None:
    app.include_router(client_routes(database, KeyRing(settings.api_key_file, database), pauses))
