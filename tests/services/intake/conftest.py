"""Intake's second step on a fresh database, with the shipped agreement in force."""

import pytest

from shared.database import Database
from tests.services.intake.support import Intake


@pytest.fixture
async def intake(intake_database: Database) -> Intake:
    intake = Intake(intake_database)
    await intake.agree()
    return intake
