"""What was planned is asked again when it is claimed: the hour and the caps, as things are now."""

from datetime import UTC, datetime, timedelta

import pytest

from services.followup import store
from services.followup.use_cases.planning import company_of
from services.followup.use_cases.recheck import Recheck
from shared.database import Database
from tests.services.followup.company import NOW, Company


@pytest.fixture
async def company(followup_database: Database) -> Company:
    found = Company(followup_database)
    await found.agree()
    return found


async def claim_and_recheck(company: Company, now: datetime, *steps: str) -> dict[str, str]:
    """Claim these steps, ask, and give back those that must wait. Returns the reasons by step."""
    async with company.database.transaction() as unit:
        touches = await unit.fetch("UPDATE touch SET state = 'claimed' WHERE step = ANY($1) RETURNING *", list(steps))
        clients = {row["id"]: row for row in await store.planning.lock_households(unit, [one["client_id"] for one in touches])}
        recheck = Recheck(company.planner)
        reasons = await recheck.reasons(unit, touches, clients, await company_of(unit), now)
        await recheck.give_back(unit, [one for one in touches if one["id"] in reasons], now)
    return {one["step"]: reasons[one["id"]] for one in touches if one["id"] in reasons}


async def test_a_review_asked_late_waits_for_the_morning(company: Company) -> None:
    client_id = await company.client()
    async with company.database.transaction() as unit:
        await unit.execute("UPDATE touch SET state = 'sent', settled_at = due_at WHERE step = 'thank_you'")
    at_night = datetime(2026, 12, 3, 8, 0, tzinfo=UTC)  # three in the morning in New York
    assert await claim_and_recheck(company, at_night, "review", "check_in") == {"review": "quiet hours"}
    touches = await company.touches(client_id)
    assert touches["check_in"]["state"] == "claimed"
    assert (touches["review"]["state"], touches["review"]["due_at"]) == ("planned", datetime(2026, 12, 3, 13, 0, tzinfo=UTC))


async def test_two_that_became_due_in_an_outage_do_not_go_out_together(company: Company) -> None:
    client_id = await company.client()
    after = datetime(2026, 12, 10, 16, 0, tzinfo=UTC)
    async with company.database.transaction() as unit:
        await unit.execute("UPDATE touch SET due_at = $1 WHERE step IN ('review', 'referral')", after - timedelta(days=1))
    reasons = await claim_and_recheck(company, after, "review", "referral")
    assert list(reasons) == ["referral"]
    assert reasons["referral"].startswith("cap not_service 1 per 2 days")
    touches = await company.touches(client_id)
    assert touches["review"]["state"] == "claimed"
    assert touches["referral"]["state"] == "planned"
    assert touches["referral"]["due_at"] > after + timedelta(days=1)


async def test_a_touch_within_its_hours_goes_out(company: Company) -> None:
    await company.client()
    assert await claim_and_recheck(company, NOW, "review") == {}
