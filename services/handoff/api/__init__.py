"""HTTP in: translates calls into use cases, nothing else."""

from fastapi import APIRouter, FastAPI

from services.handoff.api.assignments import add_assignments, add_commands
from services.handoff.api.briefs import add_briefs
from services.handoff.api.leads import add_leads, add_manual
from services.handoff.api.reps import add_reps
from services.handoff.api.scoreboard import add_scoreboard
from services.handoff.settings import Settings
from shared.database import Database
from shared.problem import problems
from shared.security import KeyRing


def add_routes(app: FastAPI, settings: Settings, database: Database) -> None:
    router = APIRouter(prefix="/v1", responses=problems(401, 403))
    keys = KeyRing(settings.api_key_file, database)
    add_assignments(router, keys, database)
    add_commands(router, keys, database)
    add_briefs(router, keys, database)
    add_leads(router, keys, database)
    add_manual(router, keys, database)
    add_reps(router, keys, database)
    add_scoreboard(router, keys, database)
    app.include_router(router)
